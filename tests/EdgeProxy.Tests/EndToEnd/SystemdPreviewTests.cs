using System.Net;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Lab;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>Somebody looks at the new version on the real site before any client gets it: by the command line, gunicorn and Django as real units.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class SystemdPreviewTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_client_that_has_the_link_gets_the_new_version_and_the_load_does_not_until_it_is_promoted()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        var none = await vps.EdgeProxyAsync("preview");
        Assert.Equal(4, none.ExitCode);
        Assert.Contains("No switch has a preview now", none.Error, StringComparison.Ordinal);
        var load = MixedLoad.Start(vps.Public, withSlow: false);
        using var follower = await SwitchFollower.FollowAsync(vps);
        var running = vps.EdgeProxyAsync("switch", "--label", "new", "--preview", "10m");
        await follower.BeginsAsync(SwitchPhase.Preview);

        var preview = await vps.EdgeProxyAsync("preview", vps.Public.ToString());
        Assert.True(preview.ExitCode == 0, preview.Output);
        using var browser = new HttpClient(new SocketsHttpHandler { CookieContainer = new CookieContainer(), UseProxy = false });
        var link = preview.Output.Split('\n').Single(line => line.StartsWith("http", StringComparison.Ordinal)).Trim();
        Assert.Equal("green", await SlotAsync(browser, new Uri(link)));
        Assert.Equal("green", await SlotAsync(browser, new Uri(vps.Public, "/headers")));
        using var other = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        Assert.Equal("blue", await SlotAsync(other, vps.Public));
        Assert.DoesNotContain(load.Shots, shot => shot.Slot == SlotName.Green);

        var promoted = await vps.EdgeProxyAsync("promote");

        Assert.True(promoted.ExitCode == 0, promoted.Output);
        var done = await running;
        Assert.True(done.ExitCode == 0, done.Output);
        Assert.Contains("'edgeproxy promote' goes on", done.Output, StringComparison.Ordinal);
        Assert.Equal("green", await SlotAsync(other, vps.Public));
        Assert.DoesNotContain(await load.StopAsync(), shot => shot.Failure is not null);
    }

    [Fact]
    public async Task It_is_aborted_and_the_link_is_worth_nothing()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        using var follower = await SwitchFollower.FollowAsync(vps);
        var running = vps.EdgeProxyAsync("switch", "--preview", "10m");
        await follower.BeginsAsync(SwitchPhase.Preview);
        var preview = await vps.EdgeProxyAsync("preview", vps.Public.ToString());
        var link = preview.Output.Split('\n').Single(line => line.StartsWith("http", StringComparison.Ordinal)).Trim();

        var aborted = await vps.EdgeProxyAsync("abort");

        Assert.True(aborted.ExitCode == 0, aborted.Output);
        Assert.Equal(1, (await running).ExitCode);
        Assert.Equal("inactive", await vps.ActiveStateAsync(Vps.UnitOf(SlotName.Green)));
        using var browser = new HttpClient(new SocketsHttpHandler { CookieContainer = new CookieContainer(), UseProxy = false });
        Assert.Equal("blue", await SlotAsync(browser, new Uri(link)));
    }

    private static async Task<string> SlotAsync(HttpClient client, Uri page)
    {
        using var response = await client.GetAsync(page, Cancellation);
        return response.Headers.GetValues("X-Slot").Single();
    }
}
