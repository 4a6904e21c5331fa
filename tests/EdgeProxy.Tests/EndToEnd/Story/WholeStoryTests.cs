using System.Globalization;
using EdgeProxy.Tests.EndToEnd.Deploys;

namespace EdgeProxy.Tests.EndToEnd.Story;

/// <summary>The life of a site with EdgeProxy, on one machine and under one load: from the recipe with Caddy to the package, deploys, a bad one, the way back,
/// a restart, a reboot, and Caddy again.</summary>
/// <remarks>Everything is as a user has it: Debian's Caddy, gunicorn, Django and PostgreSQL, and EdgeProxy's package; only <c>Switch:Observe</c> is shortened.
/// The log of the watches is the proof.</remarks>
[Collection(ServiceLifeCollection.Name)]
public sealed class WholeStoryTests
{
    private const string Project = "app-server";

    [Fact]
    public async Task From_Caddy_and_back_nobody_loses_a_request_but_while_the_ports_are_nobodys()
    {
        await using var site = await StorySite.StartAsync();
        using var log = new StoryLog();
        var firstStylesheet = await site.StylesheetAsync();
        log.Watch(await site.WatchAsync(RecipeVps.Health));
        log.Watch(await site.WatchAsync($"http://{RecipeVps.Host}/v1/config/feature-flags/", expected: 308));
        log.Watch(await site.WatchAsync($"https://{RecipeVps.Host}{StoryLog.SlowPath}"));
        log.Watch(await site.WatchAsync($"https://{RecipeVps.Host}{firstStylesheet}")); // of a page that somebody has left open

        await log.StageAsync("Caddy", StageKind.Quiet, () => Task.FromResult(""));
        await log.StageAsync("the package is installed", StageKind.Quiet, site.InstallPackageAsync);
        await log.StageAsync("setup_bluegreen.sh", StageKind.PortsMove, () => site.DoAsync("setup_bluegreen.sh", "--health-path", RecipeVps.HealthPath));
        await AssertServesAsync(site, "blue", "black");

        var versions = await DeployAsync(site, log, firstStylesheet);
        await FailAsync(site, log, versions[^1]);
        await RollBackAsync(site, log, versions[^2]);
        await RestartAsync(site, log);
        await RebootAsync(site, log);
        await UninstallAsync(site, log);

        log.Report();
        log.AssertNobodyLostAnything();
    }

    /// <summary>A version of the shop.</summary>
    private sealed record Version(string Branch, string Commit, string Colour, string Stylesheet);

    /// <summary>Expand (a column that the running version does not know), use it, and go on.</summary>
    private static async Task<List<Version>> DeployAsync(StorySite site, StoryLog log, string firstStylesheet)
    {
        List<Version> versions = [];
        var from = "main";
        foreach (var (slot, colour, what, files) in Changes)
        {
            var (branch, commit) = await site.Developer.PushAsync(from, [Stylesheet(colour), .. files]);

            var said = await log.StageAsync($"restart_app.sh, {what}", StageKind.Quiet, () => site.DoAsync("restart_app.sh", branch));

            Assert.Contains($"live: {slot} with {commit} ", said, StringComparison.Ordinal);
            Assert.Equal(from == "main", said.Contains(" applied: shop.0002_colour", StringComparison.Ordinal));
            await AssertServesAsync(site, slot, colour);
            Assert.Equal(Css("black"), await site.ReadAsync(firstStylesheet));
            versions.Add(new Version(branch, commit, colour, await site.StylesheetAsync()));
            from = branch;
        }

        Assert.NotEqual("0", await site.SqlAsync("SELECT count(*) FROM shop_item WHERE colour = 'green'"));
        return versions;
    }

    private static async Task FailAsync(StorySite site, StoryLog log, Version live)
    {
        var (branch, _) = await site.Developer.PushAsync(
            live.Branch, Stylesheet("pink"), ($"{Project}/webshop/wsgi.py", "raise RuntimeError('this version does not start')\n"));
        var code = 0;

        var said = await log.StageAsync("restart_app.sh with a version that does not start", StageKind.Quiet, async () =>
        {
            var run = await site.ScriptAsync("restart_app.sh", branch);
            code = run.ExitCode;
            return run.Output + run.Error;
        });

        Assert.True(code == 1, said);
        Assert.Contains("Aborted: green -> blue", said, StringComparison.Ordinal);
        Assert.Contains("traffic is on green", said, StringComparison.Ordinal);
        Assert.Contains("this version does not start", said, StringComparison.Ordinal);
        Assert.Contains($"green serves as before, {live.Commit}", said, StringComparison.Ordinal);
        Assert.Contains($"next: mend {branch}, push it, and deploy it again", said, StringComparison.Ordinal);
        await AssertServesAsync(site, "green", live.Colour);
    }

    private static async Task RollBackAsync(StorySite site, StoryLog log, Version before)
    {
        var said = await log.StageAsync("restart_app.sh --rollback", StageKind.Quiet, () => site.DoAsync("restart_app.sh", "--rollback"));

        Assert.Contains($"live: blue with {before.Commit} ", said, StringComparison.Ordinal);
        await AssertServesAsync(site, "blue", before.Colour);
        Assert.Equal(before.Stylesheet, await site.StylesheetAsync());
    }

    private static async Task RestartAsync(StorySite site, StoryLog log)
    {
        var (proxy, app) = (await site.ProcessAsync(ShippedSite.Proxy), await site.ProcessAsync("app-server-blue.service"));

        await log.StageAsync("systemctl restart edgeproxy", StageKind.Quiet, () => site.RunAsync("systemctl", "restart", ShippedSite.Proxy));

        Assert.NotEqual(proxy, await site.ProcessAsync(ShippedSite.Proxy));
        Assert.Equal(app, await site.ProcessAsync("app-server-blue.service"));
    }

    private static async Task RebootAsync(StorySite site, StoryLog log)
    {
        var items = int.Parse(await site.SqlAsync("SELECT count(*) FROM shop_item"), CultureInfo.InvariantCulture);

        await log.StageAsync("power-off and boot", StageKind.Down, async () =>
        {
            await site.RebootAsync();
            return "";
        });

        await AssertServesAsync(site, "blue", "red");
        Assert.Equal("0", await site.ProcessAsync("app-server-green.service"));
        Assert.True(int.Parse(await site.SqlAsync("SELECT count(*) FROM shop_item"), CultureInfo.InvariantCulture) > items);
    }

    private static async Task UninstallAsync(StorySite site, StoryLog log)
    {
        var app = await site.ProcessAsync("app-server-blue.service");

        var said = await log.StageAsync("uninstall.sh", StageKind.PortsMove, () => site.DoAsync("uninstall.sh", "--purge"));

        Assert.Equal(app, await site.ProcessAsync("app-server-blue.service"));
        Assert.Equal("to 127.0.0.1:8000", await site.RunAsync("cat", "/etc/caddy/upstream.txt"));
        Assert.Equal("active", await site.RunAsync("systemctl", "is-active", "caddy.service"));
        Assert.Equal("0", await site.ProcessAsync(ShippedSite.Proxy));
        Assert.Equal(Css("red"), await site.ReadAsync(await site.StylesheetAsync()));
        Assert.Contains("the package stays", said, StringComparison.Ordinal);
        Assert.Contains("uid=", await site.RunAsync("id", "edgeproxy"), StringComparison.Ordinal); // its own, which another setup needs

        await log.StageAsync("the package is purged", StageKind.Quiet, () => site.RunAsync("dpkg", "--purge", "edgeproxy"));
    }

    private static IEnumerable<(string Slot, string Colour, string What, (string, string?)[] Files)> Changes =>
    [
        ("green", "green", "a migration that adds a column", [Migration("0002_colour", "0001_initial", DeploySite.AddColumn("colour"))]),
        ("blue", "red", "code that uses the column",
        [
            (
                $"{Project}/shop/models.py",
                "from django.db import models\n\n\nclass Item(models.Model):\n    name = models.CharField(max_length=100)\n    colour = " +
                    "models.TextField(null=True)\n"),
            ($"{Project}/shop/views.py", """
                from django.http import JsonResponse
                from django.shortcuts import render

                from .models import Item


                def feature_flags(request):
                    return JsonResponse({"item": Item.objects.create(name="seen", colour="green").pk})


                def page(request):
                    return render(request, "shop/page.html")

                """),
        ]),
        ("green", "blue", "another stylesheet", []),
    ];

    private static (string, string?) Stylesheet(string colour) => ($"{Project}/shop/static/shop/site.css", Css(colour));

    private static string Css(string colour) => $"body {{ color: {colour} }}\n";

    private static (string Path, string? Content) Migration(string name, string after, string operation)
    {
        var (path, content) = DeploySite.Migration("shop", name, operation);
        return ($"{Project}/{path}", content!.Replace("0001_initial", after, StringComparison.Ordinal));
    }

    /// <summary>The slot, and a page of its version with a stylesheet of its version.</summary>
    private static async Task AssertServesAsync(StorySite site, string slot, string colour)
    {
        Assert.Contains($"traffic is on {slot}", await site.RunAsync("edgeproxy", "status"), StringComparison.Ordinal);
        Assert.Equal(Css(colour), await site.ReadAsync(await site.StylesheetAsync()));
    }
}
