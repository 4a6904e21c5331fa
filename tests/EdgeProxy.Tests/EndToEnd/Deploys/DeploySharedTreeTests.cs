using EdgeProxy.Slots;

namespace EdgeProxy.Tests.EndToEnd.Deploys;

/// <summary><c>restart_app.sh</c> where both slots run from one tree, as in the recipe.</summary>
[Collection(DeployCollection.Name)]
public sealed class DeploySharedTreeTests(SiteWithOneTree site) : IClassFixture<SiteWithOneTree>
{
    [Fact]
    public async Task It_deploys_with_a_warning_and_goes_back_by_checking_the_old_commit_out()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        var load = MixedLoad.Start(site.Vps.Public, withBodies: false, withSlow: false);
        var (first, firstCommit) = await site.PushAsync(("shop/static/shop/site.css", "body { color: green }\n"));
        var (second, secondCommit) = await site.PushAsync(
            ("shop/static/shop/site.css", "body { color: red }\n"), DeploySite.Migration("shop", "0002_colour", DeploySite.AddColumn("colour")));

        Assert.Contains("both slots run from /srv/shop/tree", await site.DeployedAsync(first), StringComparison.Ordinal);
        var said = await site.DeployedAsync(second);
        Assert.Contains($"live: blue with {secondCommit} ", said, StringComparison.Ordinal);
        Assert.Contains($"to go back: restart_app.sh --rollback, to green with {firstCommit} ", said, StringComparison.Ordinal);
        var page = await site.VisitAsync("/page");

        var (broken, _) = await site.PushAsync(
            await site.ChangedAsync("webshop/wsgi.py", "application = ", "raise RuntimeError('this version does not start')\napplication = "));
        var failed = await site.DeployAsync(broken);
        Assert.True(failed.ExitCode == 1 && failed.Error.Contains("does not start", StringComparison.Ordinal), failed.Output + failed.Error);
        Assert.Equal(secondCommit, await site.HeadAsync(SlotName.Blue));
        Assert.Equal(page, await site.VisitAsync("/page"));

        said = await site.DeployedAsync("--rollback");

        Assert.Contains("the version before does not know shop.0002_colour", said, StringComparison.Ordinal);
        Assert.Equal(firstCommit, await site.HeadAsync(SlotName.Blue));
        Assert.Equal(SlotName.Green, await site.Vps.ActiveSlotAsync());
        Assert.NotEqual(page, await site.VisitAsync("/page"));
        Assert.DoesNotContain(await load.StopAsync(), shot => shot.Failure is not null);
    }
}
