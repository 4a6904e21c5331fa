using System.Text.Json;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd.Deploys;

/// <summary>Deploys that end before their time, and what is refused while one runs.</summary>
[Collection(DeployCollection.Name)]
public sealed class DeployInterruptionTests(SiteWithTwoTrees site)
{
    /// <summary>Killed where each of the steps begins; each time the next run takes over from the one before, and lets go whoever it had left
    /// waiting.</summary>
    [Fact]
    public async Task Killed_at_any_step_the_next_run_comes_through()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        await site.FillBothSlotsAsync();
        var (branch, commit) = await site.PushAsync(
            DeploySite.Migration("shop", "0002_stubborn", DeploySite.AddColumn("stubborn")),
            ("requirements.txt", await site.ReadAsync("cat", "/srv/developer/requirements-2.txt") + "\n# an environment of its own\n"));
        var active = await site.Vps.ActiveSlotAsync();
        var load = MixedLoad.Start(site.Vps.Public, withBodies: false, withSlow: false);
        string[] steps = [
            "fetching from", "checking ", "building the virtual", "manage.py check", "manage.py collectstatic",
            "stopping worker-", "paused:", "manage.py migrate", "StartIdle"];
        foreach (var step in steps)
        {
            using var deploy = await StartWhenFreeAsync(branch, "--pause");
            await deploy.SaysAsync(step);
            await deploy.KillAsync();
            await deploy.EndAsync();
            Assert.Contains(step, deploy.Output, StringComparison.Ordinal);
        }

        await Eventually.TrueAsync(
            async () => (await site.Vps.GetAsync("/status")).GetProperty("switch").ValueKind == JsonValueKind.Null, "the switch of the last one has ended");
        Assert.NotEqual(active, await site.Vps.ActiveSlotAsync()); // a switch belongs to the proxy
        using var last = await StartWhenFreeAsync(branch);
        Assert.True(await last.EndAsync() == 0, last.Output);

        Assert.Equal(commit, await site.HeadAsync(await site.Vps.ActiveSlotAsync()));
        Assert.True(await site.IsAppliedAsync("shop", "0002_stubborn"));
        Assert.Equal("", await site.ReadAsync("ls", "-A", "/var/lib/edgeproxy-deploy"));
        Assert.Equal("active", await site.Vps.ActiveStateAsync(DeploySite.WorkerOf(await site.Vps.ActiveSlotAsync())));
        Assert.DoesNotContain(await load.StopAsync(), shot => shot.Failure is not null);
    }

    /// <summary>Meanwhile no other deploy begins, nor a rollback, which would take the tree away under it.</summary>
    [Fact]
    public async Task Ctrl_C_in_a_migration_ends_it_lets_clients_go_and_puts_everything_back()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        await site.FillBothSlotsAsync();
        var before = await site.FingerprintAsync();
        var (branch, _) = await site.PushAsync(DeploySite.Migration("shop", "0002_endless", DeploySite.AddColumn("endless"), "migrations.RunPython(wait)"));
        using var deploy = await site.StartDeployAsync(branch, "--pause");
        await deploy.SaysAsync("Applying shop.0002_endless");
        var worker = DeploySite.WorkerOf(await site.Vps.ActiveSlotAsync());
        Assert.Equal("inactive", await site.Vps.ActiveStateAsync(worker));

        foreach (var second in (string[])[branch, "--rollback"])
        {
            var refused = await site.DeployAsync(second);
            Assert.True(refused.ExitCode == 4, refused.Output + refused.Error);
            Assert.Contains($"another deploy runs: {branch} by process", refused.Error, StringComparison.Ordinal);
        }

        await deploy.InterruptAsync();
        var code = await deploy.EndAsync();

        Assert.True(code == 130, $"exit code {code}: {deploy.Output}");
        Assert.Contains("no migration was applied", deploy.Output, StringComparison.Ordinal);
        Assert.Contains("resumed", deploy.Output, StringComparison.Ordinal);
        Assert.Equal("active", await site.Vps.ActiveStateAsync(worker));
        Assert.Equal(before, await site.FingerprintAsync());
        Assert.Equal("", await site.ReadAsync("systemctl", "list-units", "--plain", "--no-legend", "edgeproxy-deploy-*"));
        Assert.False(await site.IsAppliedAsync("shop", "0002_endless"));
    }

    /// <summary>What a killed deploy had started may still run, and keeps the next one off.</summary>
    private async Task<RunningDeploy> StartWhenFreeAsync(params string[] arguments)
    {
        RunningDeploy? deploy = null;
        await Eventually.TrueAsync(
            async () =>
            {
                deploy?.Dispose();
                deploy = await site.StartDeployAsync(arguments);
                await deploy.SaysAsync("fetching from");
                return deploy.Output.Contains("fetching from", StringComparison.Ordinal);
            },
            "nothing of the deploy that was killed runs",
            TimeSpan.FromMinutes(3));
        return deploy!;
    }
}
