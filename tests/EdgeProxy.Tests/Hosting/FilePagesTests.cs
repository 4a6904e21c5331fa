using EdgeProxy.Hosting;

namespace EdgeProxy.Tests.Hosting;

public sealed class FilePagesTests
{
    [Theory]
    [InlineData("7f00-7f02 r-xp 00000000 08:01 12     /usr/bin/edgeproxy", 0, true)]
    [InlineData("7f00-7f02 r--p 00001000 08:01 12     /usr/lib/with space.so", 0, true)]
    [InlineData("7f00-7f02 r--p 00001000 08:01 12     /usr/bin/edgeproxy", 4, false)] // relocated
    [InlineData("7f00-7f02 rw-p 00001000 08:01 12     /usr/bin/edgeproxy", 0, false)]
    [InlineData("7f00-7f02 r--s 00001000 08:01 12     /dev/shm/x", 0, false)]
    [InlineData("7f00-7f02 r-xp 00000000 00:00 0      [vdso]", 0, false)]
    [InlineData("7f00-7f02 r--p 00000000 00:00 0", 0, false)]
    public void Only_pages_that_are_as_in_their_file_are_let_go(string header, int anonymous, bool released)
    {
        string[] smaps =
            [header, "Size:   8 kB", $"Anonymous:   {anonymous} kB", "VmFlags: rd mr", "8000-8001 rw-p 00000000 00:00 0 ", "Anonymous:   0 kB"];

        Assert.Equal(released ? [((nint)0x7f00, (nint)2)] : [], FilePages.Unchanged(smaps));
    }

    [Fact]
    public void A_process_is_smaller_after_it_and_goes_on()
    {
        var before = Resident();
        Assert.NotEqual(0, before);

        FilePages.Release();

        Assert.InRange(Resident(), 0, before - 1);
    }

    /// <summary>Kilobytes of this process's mapped files.</summary>
    private static int Resident() => File.ReadLines("/proc/self/status").Where(line => line.StartsWith("RssFile:", StringComparison.Ordinal))
        .Select(line => int.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture)).Single();
}
