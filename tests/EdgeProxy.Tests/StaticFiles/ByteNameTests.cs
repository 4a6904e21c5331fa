using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Support;
using FsCheck.Xunit;

namespace EdgeProxy.Tests.StaticFiles;

/// <summary>File names are bytes; a request names them byte by byte.</summary>
public sealed class ByteNameTests
{
    [Theory]
    [InlineData("/static/a.txt?v=%41", "/static/a.txt")]
    [InlineData("/static/%61.txt", "/static/a.txt")]
    [InlineData("/caf%C3%A9", "/café")]
    [InlineData("/caf%E9", "/caf<E9>")]
    [InlineData("/caf%25E9", "/caf%E9")]
    [InlineData("/%F0%9F%9A%A6", "/🚦")]
    [InlineData("/%C0%AE%C0%AE/x", "/<C0><AE><C0><AE>/x")] // an overlong dot is no dot
    [InlineData("/%ED%A0%80", "/<ED><A0><80>")] // nor is a surrogate a character
    [InlineData("/a%2Fb", "/a%2Fb")]
    [InlineData("/a%2fb", "/a%2fb")]
    [InlineData("/100%", "/100%")]
    [InlineData("/%zz%4", "/%zz%4")]
    public void A_path_is_decoded_once(string target, string expected)
    {
        // Attributes hold valid text only: <E9> stands for the lone surrogate of that byte.
        var name = ByteName.DecodePath(target);
        var readable = name.EnumerateRunes().All(rune => rune != System.Text.Rune.ReplacementChar) ? name
            : string.Concat(name.Select(character => char.IsSurrogate(character) ? $"<{character - 0xDC00:X2}>" : $"{character}"));

        Assert.Equal(expected, readable);
    }

    /// <summary>No two names are the same string, and what goes to the kernel is what was asked for.</summary>
    [Property(MaxTest = 2000)]
    public void Any_bytes_come_back(byte[] bytes)
    {
        byte[] name = [.. bytes.Where(value => value is not (0 or (byte)'/'))];
        var target = string.Concat(name.Select(value => $"%{value:X2}"));

        Assert.Equal([.. name, 0], ByteName.ToBytes(ByteName.DecodePath(target)));
    }

    [Fact]
    public async Task A_file_is_found_by_its_bytes_and_by_no_other_name()
    {
        await using var site = await StaticSite.StartAsync();
        foreach (
            var (name, content) in new[]
            {
                (@"caf\xe9.txt", "Latin-1"),
                (@"caf\xc3\xa9.txt", "UTF-8"),
                ("caf%E9.txt", "a percent sign"),
                (@"\xc0\xae\xc0\xae", "overlong"),
            })
        {
            await CreateAsync(Path.Combine(site.Root, name), content);
        }

        Assert.Equal((200, "Latin-1"), await site.ReadAsync("/static/caf%E9.txt"));
        Assert.Equal((200, "Latin-1"), await site.ReadAsync("/static/c%61f%e9.txt"));
        Assert.Equal((200, "UTF-8"), await site.ReadAsync("/static/caf%C3%A9.txt"));
        Assert.Equal((200, "a percent sign"), await site.ReadAsync("/static/caf%25E9.txt"));
        Assert.Equal((200, "overlong"), await site.ReadAsync("/static/%C0%AE%C0%AE"));
        Assert.Equal(404, (await site.ReadAsync("/static/caf%E8.txt")).Status);
        Assert.Equal(404, (await site.ReadAsync("/static/caf%EF%BF%BD.txt")).Status); // the replacement character
        Assert.Equal(404, (await site.ReadAsync("/static/caf%3F.txt")).Status);
        await RemoveAsync(site.Root);
    }

    [Theory]
    [InlineData("/static/%E9/%2E%2E/%2E%2E/outside/secret.txt", 400)]
    [InlineData("/static/%E9%2F..%2F..%2Foutside%2Fsecret.txt", 400)]
    [InlineData("/static/%C0%AE%C0%AE/outside/secret.txt", 404)]
    [InlineData("/static/%E9/.env", 404)]
    [InlineData("/static/%E9%5C..%5Csecret.txt", 400)]
    [InlineData("/static/%E9%0Asecret.txt", 404)]
    public async Task Nothing_else_is_reached_with_such_bytes(string target, int status)
    {
        await using var site = await StaticSite.StartAsync();
        Directory.CreateDirectory(site.Outside);
        await File.WriteAllTextAsync(Path.Combine(site.Outside, "secret.txt"), "secret", TestContext.Current.CancellationToken);
        await CreateAsync(Path.Combine(site.Root, @"\xe9"), directory: true);
        await CreateAsync(Path.Combine(site.Root, @"\xe9/.env"), "secret");

        Assert.Equal(status, (await site.ReadAsync(target)).Status);
        await RemoveAsync(site.Root);
    }

    /// <summary>.NET writes UTF-8 names only; Python does not mind.</summary>
    private static async Task CreateAsync(string name, string content = "", bool directory = false)
    {
        var script = directory ? "os.mkdir(name)" : "open(name, 'w').write(sys.argv[2])";
        var made = await Tool.RunAsync(
            "python3", ["-c", $"import os, sys; name = sys.argv[1].encode().decode('unicode_escape').encode('latin-1'); {script}", name, content]);
        Assert.True(made.ExitCode == 0, made.Error);
    }

    /// <summary>What .NET cannot remove either.</summary>
    private static async Task RemoveAsync(string directory)
    {
        var removed = await Tool.RunAsync("rm", ["-r", directory]);
        Assert.True(removed.ExitCode == 0, removed.Error);
        Directory.CreateDirectory(directory);
    }
}
