using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary><c>deploy/setup_bluegreen.sh</c> and <c>deploy/uninstall.sh</c> where nginx has the ports.</summary>
[Collection(TakeOverCollection.Name)]
public sealed class SetupNginxTests
{
    private static readonly string[] _setup = [RecipeVps.Setup, "--health-path", RecipeVps.HealthPath];

    /// <summary>A socket of systemd's becomes two slots, and nobody who asks meanwhile is refused.</summary>
    [Fact]
    public async Task The_tutorials_server_moves_to_EdgeProxy_switches_and_moves_back()
    {
        await using var vps = await RecipeVps.StartBehindNginxAsync();
        var before = await vps.SnapshotAsync();

        var refused = await vps.Lab.RunAsync(_setup);
        Assert.True(refused.ExitCode == 2, $"{refused.ExitCode}: {refused.Output}{refused.Error}");
        Assert.Contains($"{RecipeVps.Home}/static (static files): EdgeProxy's user cannot read /home/sammy", refused.Error, StringComparison.Ordinal);
        Assert.EndsWith($"\nsudo {string.Join(' ', _setup)} --grant\n", refused.Error, StringComparison.Ordinal);
        Assert.Contains($"{RecipeVps.Host}: certbot renews it by what needs the ports", refused.Output, StringComparison.Ordinal);
        Assert.Contains("sudo chmod -x /etc/letsencrypt/renewal-hooks/deploy/reload", refused.Output, StringComparison.Ordinal);
        var told = await vps.RunAsync([.. _setup, "--grant", "--dry-run"]);
        Assert.Contains("try blue, made of gunicorn.service, on http://127.0.0.1:8000", told, StringComparison.Ordinal);
        Assert.Equal(before, await vps.SnapshotAsync());

        await VisitAsync(vps);
        var setup = await vps.RunAsync([.. _setup, "--grant"]);
        var moved = await LeaveAsync(vps);
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.Equal("body { color: #123 }\n", await vps.ReadAsync($"https://{RecipeVps.Host}/static/site.css"));
        Assert.Equal("edgeproxy systemd", await ListenersAsync(vps));
        Assert.Equal($"PYTHON={RecipeVps.Home}/env/bin/python3", await vps.RunAsync("grep", "^PYTHON=", "/etc/edgeproxy/deploy.conf"));
        Assert.NotEqual(0, (await vps.Lab.RunAsync("systemctl", "restart", "gunicorn.service")).ExitCode);

        // As certbot does: the next key has the mode that the one before it shows.
        await vps.RunAsync("bash", "-c", $"""
            cd /etc/letsencrypt/archive/{RecipeVps.Host}
            (umask 077; cat privkey1.pem > privkey2.pem)
            chmod --reference privkey1.pem privkey2.pem
            runuser -u edgeproxy -- cat privkey2.pem
            rm privkey2.pem
            """);
        Assert.DoesNotContain("  write ", await vps.RunAsync([.. _setup, "--grant"]), StringComparison.Ordinal);
        Assert.Contains("Completed: blue -> green", await vps.RunAsync("edgeproxy", "switch"), StringComparison.Ordinal);

        await VisitAsync(vps);
        var back = await vps.RunAsync(RecipeVps.Uninstall, "--purge");
        var movedBack = await LeaveAsync(vps);

        Figures.Report($"setup_bluegreen.sh from nginx: {Gaps(setup)}; back: {Gaps(back)}");
        Assert.All([.. moved, .. movedBack], visit => Assert.True(visit.IsGood, $"{visit}"));
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.Equal("nginx", await ListenersAsync(vps));
        Assert.Equal(Lasting(before), Lasting(await vps.SnapshotAsync()));
        await vps.RunAsync("systemctl", "reload", "nginx.service");
        await vps.RunAsync("systemctl", "restart", "nginx.service");
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
    }

    private static async Task VisitAsync(RecipeVps vps)
    {
        await vps.StartVisitorsAsync("https", RecipeVps.Health);
        await vps.StartVisitorsAsync("http", $"http://{RecipeVps.Host}/");
        await vps.StartVisitorsAsync("slow", $"https://{RecipeVps.Host}/slow?ms=1500");
    }

    private static async Task<IReadOnlyList<Visit>> LeaveAsync(RecipeVps vps) =>
        [.. await vps.StopVisitorsAsync("https"), .. await vps.StopVisitorsAsync("http"), .. await vps.StopVisitorsAsync("slow")];

    private static Task<string> ListenersAsync(RecipeVps vps) =>
        vps.RunAsync("bash", "-c", "ss -ltnpH 'sport = :443' | grep -oE '\\(\"[^\"]+' | tr -d '(\"' | sort -u | paste -sd ' '");

    private static string Gaps(string output) =>
        string.Join("; ", output.Split('\n').Where(line => line.Contains("between two good answers", StringComparison.Ordinal)).Select(line => line.Trim()));

    /// <summary>Without processes, and what accounts leave that came and went.</summary>
    private static string Lasting(string snapshot) =>
        string.Join(
            '\n',
            snapshot.Split('\n').Where(
                line => !line.StartsWith("MainPID", StringComparison.Ordinal) && !line.StartsWith("app-server", StringComparison.Ordinal)));
}
