namespace EdgeProxy.Tests.Lab;

[Collection(SystemdCollection.Name)]
public sealed class SystemdLabTests
{
    [Fact]
    public async Task Labs_run_side_by_side_and_leave_nothing_behind()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var labs = await Task.WhenAll(SystemdLab.BootAsync(), SystemdLab.BootAsync());
        await labs[0].WriteFileAsync("/etc/only-in-one", "hello");

        Assert.Equal("hello", (await labs[0].RunAsync("cat", "/etc/only-in-one")).Text);
        Assert.NotEqual(0, (await labs[1].RunAsync("cat", "/etc/only-in-one")).ExitCode);
        Assert.False(File.Exists("/etc/only-in-one"));

        foreach (var lab in labs)
        {
            await lab.DisposeAsync();
            Assert.False(Directory.Exists(lab.Root));
            Assert.False(Directory.Exists(lab.StateDirectory));
        }
    }

    [Fact]
    public async Task A_lab_that_does_not_boot_says_why_and_leaves_nothing_behind()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var before = Directory.GetDirectories(Path.GetTempPath(), "edgeproxy-lab-*").ToHashSet();

        var error = await Assert.ThrowsAnyAsync<Exception>(() => SystemdLab.BootAsync("/no/such/path"));

        Assert.Contains("/no/such/path", error.Message, StringComparison.Ordinal);
        Assert.Subset(before, Directory.GetDirectories(Path.GetTempPath(), $"edgeproxy-lab-{Environment.ProcessId}-*").ToHashSet());
    }
}
