using System.Globalization;
using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd.Deploys;

/// <summary><c>restart_app.sh</c> with a tree for each slot: what a deploy does when all goes well, and the way back.</summary>
[Collection(DeployCollection.Name)]
public sealed class DeployTests(SiteWithTwoTrees site)
{
    /// <summary>A migration, new static files then another environment, then the same once more: under load, with clients whose requests write to the
    /// database.</summary>
    [Fact]
    public async Task Deploys_lose_no_request()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        var load = MixedLoad.Start(site.Vps.Public);
        var (first, firstCommit) = await site.PushAsync(
            DeploySite.Migration("shop", "0002_colour", DeploySite.AddColumn("colour")),
            ("shop/static/shop/site.css", "body { color: green }\n"));
        var before = StylesheetOf(await site.VisitAsync("/page"));
        var old = await site.Vps.ActiveSlotAsync();
        var oldCommit = await site.HeadAsync(old);

        var said = await site.DeployedAsync(first);

        Assert.Contains(" applied: shop.0002_colour", said, StringComparison.Ordinal);
        Assert.True(await site.IsAppliedAsync("shop", "0002_colour"));
        var now = StylesheetOf(await site.VisitAsync("/page"));
        Assert.NotEqual(before, now);
        // pages that are open still find theirs
        Assert.Equal("0", await site.ReadAsync("bash", "-c", $"ls -d '{site.StaticRoot}/{before}' '{site.StaticRoot}/{now}' > /dev/null; echo $?"));
        Assert.Contains($"live: {old.Other().ToKey()} with {firstCommit} ", said, StringComparison.Ordinal);
        Assert.Contains($"to go back: restart_app.sh --rollback, to {old.ToKey()} with {oldCommit} ", said, StringComparison.Ordinal);
        Assert.Equal(firstCommit, await LabelAsync());
        Assert.Equal((oldCommit, firstCommit), (await site.HeadAsync(old), await site.HeadAsync(old.Other())));

        // Other lock file, other environment; the one before stays for the way back.
        var (second, _) = await site.PushAsync(("requirements.txt", await site.ReadAsync("cat", "/srv/developer/requirements-2.txt") + "\n"));
        said = await site.DeployedAsync(second);
        Assert.Contains("building the virtual environment", said, StringComparison.Ordinal);
        Assert.EndsWith("-2.0.dist-info", await RunnerAsync(old), StringComparison.Ordinal);
        Assert.EndsWith("-1.0.dist-info", await RunnerAsync(old.Other()), StringComparison.Ordinal);

        said = await site.DeployedAsync(second);
        Assert.Contains($"{old.ToKey()} runs this commit already", said, StringComparison.Ordinal);
        Assert.DoesNotContain("building", said, StringComparison.Ordinal);

        var shots = await load.StopAsync();
        Assert.DoesNotContain(shots, shot => shot.Failure is not null);
        Figures.Report(string.Create(
            CultureInfo.InvariantCulture,
            $"three deploys by restart_app.sh, with a migration on PostgreSQL: {shots.Count} requests, 0 failed, the longest wait " +
                $"{shots.Max(shot => shot.Ended - shot.Started).TotalSeconds:F2} s"));
    }

    [Fact]
    public async Task A_rollback_goes_to_what_ran_before_and_tells_of_migrations_since()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        var (old, oldCommit) = await site.PushAsync(("shop/static/shop/site.css", "body { color: blue }\n"));
        await site.DeployedAsync(old);
        var stylesheet = StylesheetOf(await site.VisitAsync("/page"));
        var (bad, _) = await site.PushAsync(
            DeploySite.Migration("shop", "0002_size", DeploySite.AddColumn("size")),
            ("shop/static/shop/site.css", null),
            await site.ChangedAsync("shop/templates/shop/page.html", "shop/site.css", "shop/new.css"),
            ("shop/static/shop/new.css", "body { color: red }\n"));
        await site.DeployedAsync(bad);
        var load = MixedLoad.Start(site.Vps.Public, withBodies: false);

        Assert.Contains("would go back to", await site.DeployedAsync("--rollback", "--dry-run"), StringComparison.Ordinal);
        var said = await site.DeployedAsync("--rollback");

        Assert.Matches("a rollback takes no migration back; the version before does not know .*shop.0002_size", said);
        Assert.Contains($"with {oldCommit} ", said, StringComparison.Ordinal);
        Assert.Equal(oldCommit, await LabelAsync());
        Assert.Equal(stylesheet, StylesheetOf(await site.VisitAsync("/page"))); // the list of hashed names has its own again
        Assert.DoesNotContain(await load.StopAsync(), shot => shot.Failure is not null);
    }

    /// <summary>Half an hour after a deploy, say: the version before still runs, so clients have it back in one step.</summary>
    [Fact]
    public async Task A_rollback_to_a_slot_that_is_kept_warm_restarts_nothing()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        await RestartProxyAsync("EdgeProxy__Switch__KeepWarm=00:30:00");
        try
        {
            var (before, beforeCommit) = await site.PushAsync(("shop/static/shop/site.css", "body { color: gold }\n"));
            await site.DeployedAsync(before);
            var (slot, stylesheet) = (await site.Vps.ActiveSlotAsync(), StylesheetOf(await site.VisitAsync("/page")));
            var process = await site.ReadAsync("systemctl", "show", "--value", "-p", "MainPID", Vps.UnitOf(slot));
            var (bad, _) = await site.PushAsync(("shop/static/shop/site.css", "body { color: grey }\n"));
            await site.DeployedAsync(bad);
            var load = MixedLoad.Start(site.Vps.Public);

            var said = await site.DeployedAsync("--rollback");

            Assert.Contains($"{Vps.UnitOf(slot)} is warm and was not restarted", said, StringComparison.Ordinal);
            Assert.Contains($"live: {slot.ToKey()} with {beforeCommit} ", said, StringComparison.Ordinal);
            Assert.Equal(beforeCommit, await LabelAsync());
            Assert.Equal(process, await site.ReadAsync("systemctl", "show", "--value", "-p", "MainPID", Vps.UnitOf(slot)));
            Assert.Equal(stylesheet, StylesheetOf(await site.VisitAsync("/page")));
            Assert.DoesNotContain(await load.StopAsync(), shot => shot.Failure is not null);
        }
        finally
        {
            await RestartProxyAsync();
        }
    }

    /// <summary>The version that runs could not respond between the migration and the switch; a client that comes then waits.</summary>
    [Fact]
    public async Task What_two_versions_cannot_share_is_migrated_in_a_pause()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        var (branch, commit) = await site.PushAsync(DeploySite.Migration("news", "0002_no_title", """migrations.RemoveField("Entry", "title")"""));
        var refused = await site.DeployAsync(branch);
        Assert.Equal(4, refused.ExitCode);
        Assert.Contains(
            "news.0002_no_title: Remove field title from Entry: the version that runs still asks for the old name", refused.Error, StringComparison.Ordinal);
        Assert.Contains("--pause", refused.Error, StringComparison.Ordinal);
        Assert.False(await site.IsAppliedAsync("news", "0002_no_title"));
        var load = MixedLoad.Start(site.Vps.Public);
        var before = await site.Vps.ActiveSlotAsync();

        var said = await site.DeployedAsync(branch, "--pause");

        var shots = await load.StopAsync();
        Assert.DoesNotContain(shots, shot => shot.Failure is not null);
        Assert.Matches(
            $"stopping {DeploySite.WorkerOf(before)}: [\\s\\S]*paused:[\\s\\S]*Applying news.0002_no_title[\\s\\S]*Completed:[\\s\\S]*resumed", said);
        Assert.DoesNotContain("starting worker", said, StringComparison.Ordinal);
        Assert.Equal("inactive", await site.Vps.ActiveStateAsync(DeploySite.WorkerOf(before)));
        Assert.Equal("active", await site.Vps.ActiveStateAsync(DeploySite.WorkerOf(before.Other())));
        Assert.Equal(commit, await LabelAsync());
        Assert.Contains("\"pause\":null", await site.ReadAsync("edgeproxy", "status", "--json"), StringComparison.Ordinal);
        Figures.Report(string.Create(
            CultureInfo.InvariantCulture,
            $"a deploy with --pause: {shots.Count} requests, 0 failed, the longest wait {shots.Max(shot => shot.Ended - shot.Started).TotalSeconds:F2} s"));
    }

    /// <summary>From another terminal, while the old slot drains: the switch is called back, and the deploy that waits for it puts its tree back.</summary>
    [Fact]
    public async Task A_deploy_is_called_back_while_it_drains()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        await site.FillBothSlotsAsync();
        var before = await site.FingerprintAsync();
        var (branch, _) = await site.PushAsync(("shop/static/shop/site.css", "body { color: brown }\n"));
        using var deploy = await site.StartDeployAsync(branch);
        await deploy.SaysAsync("manage.py migrate");
        using var client = new HttpClient { BaseAddress = site.Vps.Public };
        var inFlight = client.GetStringAsync("/slow?ms=25000", TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(async () => await PhaseAsync() == nameof(SwitchPhase.Drain), "the old slot drains");

        var rollback = await site.DeployAsync("--rollback");

        Assert.True(rollback.ExitCode == 0, rollback.Output + rollback.Error);
        Assert.Equal(1, await deploy.EndAsync());
        Assert.Equal("slow\n", await inFlight);
        Assert.Equal(before, await site.FingerprintAsync());
    }

    private async Task RestartProxyAsync(params string[] variables)
    {
        await site.Vps.SetProxyEnvironmentAsync(variables);
        await site.Vps.SystemctlAsync("restart", Vps.Proxy);
    }

    private async Task<string?> PhaseAsync() =>
        (await site.Vps.GetAsync("/status")).GetProperty("switch") is { ValueKind: JsonValueKind.Object } running
            ? running.GetProperty("phase").GetString()
            : null;

    private async Task<string> LabelAsync() =>
        (await site.Vps.GetAsync("/status")).GetProperty("slots").GetProperty((await site.Vps.ActiveSlotAsync()).ToKey()).GetProperty("label").GetString()!;

    private Task<string> RunnerAsync(SlotName slot) =>
        site.ReadAsync("bash", "-c", $"ls -d '{site.TreeOf(slot)}'/.venv/lib/python3*/site-packages/webshop_runner-*");

    /// <summary>Without <c>/static/</c>.</summary>
    private static string StylesheetOf(string page) => page.Split("href=\"/static/")[1].Split('"')[0];
}
