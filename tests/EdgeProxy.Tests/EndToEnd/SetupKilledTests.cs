using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary><c>deploy/setup_bluegreen.sh</c> and <c>deploy/uninstall.sh</c> beside each other, killed, and with the power cut: a server serves all the
/// time, and the next run says what it does with what it finds.</summary>
[Collection(TakeOverCollection.Name)]
public sealed class SetupKilledTests
{
    private const string Killed = "An earlier run was killed; first its changes are undone.";
    private const string LockFile = "/run/edgeproxy-setup.lock";

    [Fact]
    public async Task A_second_run_leaves_the_first_one_alone()
    {
        await using var vps = await RecipeVps.StartAsync();
        await vps.StartClientsAsync("slow", $"https://{RecipeVps.Host}/slow?ms=25000");
        await vps.StartClientsAsync("slower", $"https://{RecipeVps.Host}/slow?ms=17000");
        await vps.RunAsync("systemd-run", "--quiet", "--unit", "first", RecipeVps.Setup, "--health-path", RecipeVps.HealthPath);
        await Eventually.TrueAsync(
            async () => (await JournalAsync(vps, "first")).Contains("Caddy responds to its last requests", StringComparison.Ordinal),
            "the first run waits for Caddy",
            TimeSpan.FromMinutes(2));

        foreach (var script in (string[])[RecipeVps.Setup, RecipeVps.Uninstall])
        {
            var second = await vps.Lab.RunAsync(script);
            Assert.True(second.ExitCode == 2, $"{second.ExitCode}: {second.Output}{second.Error}");
            Assert.Contains("another run goes on (setup_bluegreen.sh, process ", second.Error, StringComparison.Ordinal);
            Assert.EndsWith($"\nsudo {script}\n", second.Error, StringComparison.Ordinal);
            Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        }

        Assert.DoesNotContain("Going back", await JournalAsync(vps, "first"), StringComparison.Ordinal);
        await Eventually.TrueAsync(
            async () => (await vps.Lab.RunAsync("systemctl", "is-active", "first.service")).Output.Trim() == "inactive",
            "it has ended",
            TimeSpan.FromMinutes(1));
        Assert.Contains("A deploy is now", await JournalAsync(vps, "first"), StringComparison.Ordinal);
        Assert.Equal("enabled", await vps.RunAsync("systemctl", "is-enabled", "edgeproxy.service"));
        Assert.All([.. await vps.StopClientsAsync("slow"), .. await vps.StopClientsAsync("slower")], visit => Assert.True(visit.IsGood, $"{visit}"));
    }

    [Fact]
    public async Task A_run_that_was_killed_anywhere_is_undone_or_brought_to_its_end_by_the_next_one()
    {
        await using var vps = await RecipeVps.StartAsync();
        var before = Lasting(await vps.SnapshotAsync());
        await vps.StartClientsAsync("https", RecipeVps.Health);
        await vps.StartClientsAsync("http", $"http://{RecipeVps.Host}/");
        foreach (var moment in (string[])[
            "undo remove /usr/bin/edgeproxy", "systemd-sysusers", "undo remove /etc/edgeproxy/appsettings.json", "undo end_rehearsal", "undo front_takes_ports",
            "clients watch", "EdgeProxy listens", "the other has let go", "systemctl --quiet enable edgeproxy.service"])
        {
            await KillAsync(vps, moment, RecipeVps.Setup, "--health-path", RecipeVps.HealthPath);

            var next = await vps.Lab.RunAsync(RecipeVps.Uninstall);

            Assert.True(next.ExitCode == 0, $"{moment}: {next.ExitCode}: {next.Output}{next.Error}");
            Assert.Contains(Killed, next.Output, StringComparison.Ordinal);
            Assert.Contains("They are undone; ports 80 and 443 are served by caddy.", next.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("could not be undone", next.Error, StringComparison.Ordinal);
            Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
            Assert.Equal(before, Lasting(await vps.SnapshotAsync()));
            Assert.Equal("", (await vps.Lab.RunAsync("fuser", LockFile)).Output.Trim()); // clients have ended, too
        }

        // Also where Caddy had gone already.
        Assert.All([.. await vps.StopClientsAsync("https"), .. await vps.StopClientsAsync("http")], visit => Assert.True(visit.IsGood, $"{visit}"));

        // EdgeProxy is enabled, and Caddy and the app are not: the power goes, and EdgeProxy serves after it.
        await KillAsync(vps, "systemctl --quiet disable caddy.service", RecipeVps.Setup, "--health-path", RecipeVps.HealthPath);
        await vps.Lab.RebootAsync(cutsPower: true);
        await Eventually.TrueAsync(async () => await vps.AskAsync(RecipeVps.Health) == "200", "EdgeProxy serves after the cut");
        // The last line is cut: its change was not made.
        await vps.RunAsync("bash", "-c", "printf '[\"remove_tree\", \"/ap' >> /etc/edgeproxy/setup/undo.jsonl");
        var through = await vps.Lab.RunAsync(RecipeVps.Setup, "--health-path", RecipeVps.HealthPath);
        Assert.True(through.ExitCode == 0, $"{through.ExitCode}: {through.Output}{through.Error}");
        Assert.Contains("They are undone; ports 80 and 443 are served by caddy.", through.Output, StringComparison.Ordinal);
        Assert.Contains("is not whole, and was left out", through.Error, StringComparison.Ordinal);

        // The way back.
        await vps.StartClientsAsync("https", RecipeVps.Health);
        foreach (var moment in (string[])["undo proxy_has_them_again caddy", "systemctl --quiet disable edgeproxy-http.socket"])
        {
            await KillAsync(vps, moment, RecipeVps.Uninstall);
            through = await vps.Lab.RunAsync(RecipeVps.Setup, "--health-path", RecipeVps.HealthPath);
            Assert.True(through.ExitCode == 0, $"{moment}: {through.ExitCode}: {through.Output}{through.Error}");
            Assert.Contains(Killed, through.Output, StringComparison.Ordinal);
            Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
            Assert.Equal("active", await vps.RunAsync("systemctl", "is-active", "edgeproxy.service"));
        }

        Assert.All(await vps.StopClientsAsync("https"), visit => Assert.True(visit.IsGood, $"{visit}"));
        await KillAsync(vps, "rm -f /usr/lib/sysusers.d/edgeproxy.conf", RecipeVps.Uninstall);
        var last = await vps.RunAsync(RecipeVps.Uninstall);
        Assert.Contains("first what is left of it is done", last, StringComparison.Ordinal);
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.False(File.Exists($"{vps.Lab.Root}/usr/bin/edgeproxy"));
        Assert.False(Directory.Exists($"{vps.Lab.Root}/etc/edgeproxy/setup"));
    }

    [Fact]
    public async Task A_disk_that_becomes_full_is_a_failure_that_is_undone()
    {
        await using var vps = await RecipeVps.StartAsync();
        // Room for a few lines of the journal, no more.
        await vps.RunAsync("bash", "-c", "mkdir -p /etc/edgeproxy/setup && mount -t tmpfs -o size=12k,mode=0700 tmpfs /etc/edgeproxy/setup");

        var run = await vps.Lab.RunAsync(RecipeVps.Setup, "--health-path", RecipeVps.HealthPath);

        Assert.True(run.ExitCode == 1, $"{run.ExitCode}: {run.Output}{run.Error}");
        Assert.Contains("All is as it was; ports 80 and 443 are served by caddy.", run.Output, StringComparison.Ordinal);
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.False(File.Exists($"{vps.Lab.Root}/etc/edgeproxy/appsettings.json"));
        await vps.RunAsync("umount", "/etc/edgeproxy/setup");
        await vps.RunAsync(RecipeVps.Setup, "--health-path", RecipeVps.HealthPath);
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
    }

    private static async Task KillAsync(RecipeVps vps, string moment, params string[] command)
    {
        var run = await vps.Lab.RunAsync(["env", $"EDGEPROXY_SETUP_DIES_AFTER={moment}", .. command]);
        Assert.True(run.ExitCode == 137, $"{moment}: {run.ExitCode}: {run.Output}{run.Error}");
        Assert.True(await vps.AskAsync(RecipeVps.Health) == "200", $"nobody serves after {moment}");
    }

    private static Task<string> JournalAsync(RecipeVps vps, string unit) => vps.RunAsync("journalctl", "--unit", unit, "--output", "cat", "--no-pager");

    /// <summary>Without processes, of which Caddy's are new ones, and without what accounts leave that came and went.</summary>
    private static string Lasting(string snapshot) =>
        string.Join(
            '\n',
            snapshot.Split('\n').Where(
                line => !line.StartsWith("MainPID", StringComparison.Ordinal) && !line.StartsWith("caddy.service ", StringComparison.Ordinal)));
}
