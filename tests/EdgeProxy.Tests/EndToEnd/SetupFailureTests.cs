using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>What can go wrong in <c>deploy/setup_bluegreen.sh</c> and <c>deploy/uninstall.sh</c>: nothing is changed, or all is put back, and Caddy (or
/// EdgeProxy) serves.</summary>
[Collection(TakeOverCollection.Name)]
public sealed class SetupFailureTests
{
    private const string Rehearsal = "/run/systemd/system/edgeproxy.service.d/edgeproxy-rehearsal.conf";
    private const string BrokenUnit = "/etc/systemd/system/edgeproxy.service.d/test.conf";

    /// <summary>Before the first change: exit code 2.</summary>
    [Theory]
    [InlineData("rm -r /var/lib/caddy/.local", "Caddy has no valid certificate for api.example.com")]
    [InlineData("sed -i 's/^encode.*/encode zstd gzip\\nphp_fastcgi unix\\/\\/run\\/php.sock/' /etc/caddy/Caddyfile", "/etc/caddy/Caddyfile:4:")]
    [InlineData("chmod 700 /app", "EdgeProxy's user cannot read /app")]
    [InlineData(
        "systemctl stop caddy.service && systemd-run --quiet --unit other python3 -m http.server 80 && sleep 0.5", "port 80 or 443 is python3's, not Caddy's")]
    [InlineData(
        "printf '[Service]\\nEnvironment=SAMPLE_FAULT=health-500\\n' > /etc/systemd/system/app-server-blue.service.d/test.conf && systemctl daemon-reload && " +
            "systemctl restart app-server-blue.service && sleep 1",
        "does not respond to /v1/config/feature-flags/ with 2xx")]
    public async Task What_is_in_the_way_is_told_before_anything_is_changed(string fault, string told)
    {
        await using var vps = await RecipeVps.StartAsync();
        await vps.RunAsync("bash", "-c", $"mkdir -p /etc/systemd/system/app-server-blue.service.d; {fault}");
        var before = await vps.SnapshotAsync();

        var run = await vps.Lab.RunAsync(RecipeVps.Setup, "--health-path", RecipeVps.HealthPath);

        Assert.True(run.ExitCode == 2, $"{run.ExitCode}: {run.Output}{run.Error}");
        var grant = told.Contains("cannot read", StringComparison.Ordinal) ? " --grant" : "";
        Assert.EndsWith($"\nsudo {RecipeVps.Setup} --health-path {RecipeVps.HealthPath}{grant}\n", run.Error, StringComparison.Ordinal);
        Assert.Contains(told, run.Error, StringComparison.Ordinal);
        Assert.Equal(before, await vps.SnapshotAsync());
    }

    /// <summary>After it: exit code 1, and the way back. The faults are drop-ins of an operator that act in the rehearsal, or from the move on.</summary>
    [Theory]
    [InlineData("[Service]\nExecStartPre=/bin/false\n", "EdgeProxy does not start", false)]
    [InlineData($"[Service]\nExecStartPre=test -e {Rehearsal}\n", "EdgeProxy does not start", true)]
    [InlineData(
        $"[Service]\nEnvironmentFile=-/run/late.env\nExecStartPre=+/bin/sh -c \"test -e {Rehearsal} || echo AllowedHosts=other.example.com > /run/late.env\"\n",
        "is 400 through EdgeProxy", true)]
    public async Task What_goes_wrong_on_the_way_is_undone(string dropIn, string told, bool hasMoved)
    {
        await using var vps = await RecipeVps.StartAsync();
        await vps.Lab.WriteFileAsync(BrokenUnit, dropIn);
        var before = await vps.SnapshotAsync();
        await vps.StartClientsAsync("http", $"http://{RecipeVps.Host}/");

        var run = await vps.Lab.RunAsync(RecipeVps.Setup, "--move-secrets", "--deployer", "azureuser");

        Assert.True(run.ExitCode == 1, $"{run.ExitCode}: {run.Output}{run.Error}");
        Assert.Contains(told, run.Error, StringComparison.Ordinal);
        Assert.Contains("All is as it was; ports 80 and 443 are served by caddy.", run.Output, StringComparison.Ordinal);
        Assert.Equal(hasMoved, run.Output.Contains("The ports 80 and 443 move", StringComparison.Ordinal));
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        // What fails, fails beside Caddy; and its sockets are its own again, or it could not listen once more.
        Assert.All(await vps.StopClientsAsync("http"), visit => Assert.True(visit.IsGood || visit.Status == "400", $"{visit}"));
        await vps.RunAsync("systemctl", "reload", "caddy.service");
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.Equal("0", await vps.RunAsync("cat", "/proc/sys/net/ipv4/tcp_migrate_req"));
        Assert.Equal(WithoutProcesses(before), WithoutProcesses(await vps.SnapshotAsync()));
    }

    [Fact]
    public async Task A_run_that_was_killed_is_undone_by_the_next_one()
    {
        await using var vps = await RecipeVps.StartAsync();
        var before = await vps.SnapshotAsync();
        await vps.Lab.WriteFileAsync(BrokenUnit, "[Service]\nExecStartPre=/bin/sleep 600\nTimeoutStartSec=infinity\n");
        await vps.RunAsync("systemd-run", "--quiet", "--unit", "killed", RecipeVps.Setup);
        await Eventually.TrueAsync(
            async () => (await vps.Lab.RunAsync("systemctl", "is-active", "edgeproxy.service")).Output.Trim() == "activating", "the rehearsal has begun");
        await vps.RunAsync("systemctl", "kill", "--signal", "KILL", "killed.service");
        await vps.RunAsync("rm", "-r", Path.GetDirectoryName(BrokenUnit)!);
        await vps.RunAsync("bash", "-c", $"sed -i 's/^encode.*/php_fastcgi 127.0.0.1:9000/' {RecipeVps.Caddyfile}");

        // It cannot be done this time: what is left is what was before.
        var run = await vps.Lab.RunAsync(RecipeVps.Setup);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("An earlier run was killed; first its changes are undone.", run.Output, StringComparison.Ordinal);
        await vps.RunAsync("bash", "-c", $"sed -i 's/^php_fastcgi 127.0.0.1:9000/encode zstd gzip/' {RecipeVps.Caddyfile}");
        Assert.Equal(WithoutProcesses(before), WithoutProcesses(await vps.SnapshotAsync()));
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
    }

    [Fact]
    public async Task Caddy_that_does_not_come_back_leaves_EdgeProxy_where_it_is()
    {
        await using var vps = await RecipeVps.StartAsync();
        await vps.RunAsync(RecipeVps.Setup);
        await vps.Lab.WriteUnitAsync("caddy.service.d/test.conf", "[Service]\nExecStartPre=/bin/false\n");
        var before = await vps.SnapshotAsync();

        var run = await vps.Lab.RunAsync(RecipeVps.Uninstall);

        Assert.True(run.ExitCode == 1, $"{run.ExitCode}: {run.Output}{run.Error}");
        Assert.Contains("Caddy does not start", run.Error, StringComparison.Ordinal);
        Assert.Contains("EdgeProxy is where it was", run.Output, StringComparison.Ordinal);
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        await vps.RunAsync("systemctl", "reset-failed", "caddy.service");
        Assert.Equal(before, await vps.SnapshotAsync());

        // Nor does EdgeProxy come back behind a run that was killed when Caddy had the ports: Caddy goes on.
        await vps.RunAsync("rm", "/etc/systemd/system/caddy.service.d/test.conf");
        await vps.RunAsync("systemctl", "daemon-reload");
        await vps.StartClientsAsync("https", RecipeVps.Health);
        var killed = await vps.Lab.RunAsync("env", "EDGEPROXY_SETUP_DIES_AFTER=systemctl --quiet disable edgeproxy-http.socket", RecipeVps.Uninstall);
        Assert.Equal(137, killed.ExitCode);
        await vps.Lab.WriteUnitAsync("edgeproxy.service.d/test.conf", "[Service]\nExecStartPre=/bin/false\n");
        var next = await vps.Lab.RunAsync(RecipeVps.Uninstall);
        Assert.Contains("this could not be undone: proxy_has_them_again caddy", next.Output + next.Error, StringComparison.Ordinal);
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.All(await vps.StopClientsAsync("https"), visit => Assert.True(visit.IsGood, $"{visit}"));
    }

    private static string WithoutProcesses(string snapshot) =>
        string.Join(
            '\n',
            snapshot.Split('\n').Where(
                line => !line.StartsWith("MainPID", StringComparison.Ordinal) && !line.StartsWith("caddy.service ", StringComparison.Ordinal)));
}
