using System.Globalization;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>The unit files of <c>deploy</c>, as they are: on a machine of their own, with the ports and users that they name.</summary>
[Collection(ServiceLifeCollection.Name)]
public sealed class ShippedUnitsTests
{
    [Theory]
    [InlineData("edgeproxy.service", 2.0)]
    [InlineData("app-server-blue.service", 4.0)]
    public async Task A_unit_can_do_little_besides_its_work(string unit, double exposure)
    {
        Tool.Demand("systemd-analyze");

        var run = await Tool.RunAsync(
            "systemd-analyze", ["security", "--offline=true", "--no-pager", Path.Combine(AppContext.BaseDirectory, "deploy", "systemd", unit)]);

        var level = run.Output.Split('\n').Single(line => line.Contains("Overall exposure level", StringComparison.Ordinal)).Split(": ")[1].Split(' ')[0];
        Assert.True(double.Parse(level, CultureInfo.InvariantCulture) <= exposure, run.Output);
    }

    [Fact]
    public async Task They_serve_switch_restart_and_reload_on_the_ports_that_they_name()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        Assert.SkipUnless(
            ShippedSite.Builds.Contains(ProxyBuild.Native), "needs the native binary (EDGEPROXY_BINARY): a JIT may not run under MemoryDenyWriteExecute=yes");
        await using var site = await ShippedSite.StartAsync(build: ProxyBuild.Native);
        try
        {
            await UseAsync(site);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            throw new InvalidOperationException($"{error.Message}\n{await site.JournalAsync()}", error);
        }
    }

    private static async Task UseAsync(ShippedSite site)
    {
        Assert.Equal("", (await site.Lab.RunAsync(["systemd-analyze", "verify", "--man=no", .. ShippedSite.Units])).Error);

        // At rest its thread of the sockets is in the normal class. Under load it goes into the batch class: of the system calls that the unit forbids the one
        // for that is allowed again.
        var threads = await site.RunAsync("sh", "-c", "ps -L -o cls=,comm= -p $(systemctl show --value -p MainPID edgeproxy.service)");
        Assert.Matches(@"(?m)^ *TS +\.NET Sockets", threads);
        var allowed = await site.RunAsync("systemctl", "show", "--value", "-p", "SystemCallFilter", "edgeproxy.service");
        Assert.Contains("sched_setscheduler", allowed.Split(' '));

        // Users who may deploy are in the group of the socket, and no others reach it.
        await site.RunAsync("useradd", "--groups", "edgeproxy", "deployer");
        Assert.NotEqual(0, (await site.Lab.RunAsync("runuser", "-u", "nobody", "--", "edgeproxy", "status")).ExitCode);
        var switched = await site.RunAsync("runuser", "-u", "deployer", "--", "edgeproxy", "switch", "--label", "a1b2c3");
        Assert.Contains("Completed: blue -> green", switched, StringComparison.Ordinal);
        Assert.Equal("inactive", (await site.Lab.RunAsync("systemctl", "is-active", "app-server-blue.service")).Output.Trim());

        await site.RunAsync("systemctl", "reload", "edgeproxy.service");
        await site.RunAsync("systemctl", "restart", "edgeproxy.service");
        Assert.Equal("200", await site.AskAsync());
        Assert.Contains("traffic is on green", await site.RunAsync("runuser", "-u", "deployer", "--", "edgeproxy", "status"), StringComparison.Ordinal);
        Assert.Equal("edgeproxy edgeproxy 750", await site.RunAsync("stat", "-c", "%U %G %a", "/var/lib/edgeproxy"));
        Assert.Equal("0", await site.RunAsync("systemctl", "show", "--value", "-p", "NRestarts", "edgeproxy.service"));
        Assert.Equal("", await site.RunAsync("systemctl", "list-units", "--failed", "--no-legend"));
    }
}
