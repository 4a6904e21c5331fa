using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>Where EdgeProxy's certificates come from in <c>deploy/setup_bluegreen.sh</c> when Caddy's storage has none: a real authority, or EdgeProxy
/// itself.</summary>
[Collection(TakeOverCollection.Name)]
public sealed class SetupCertificateTests
{
    private const string Challenge = $"http://{RecipeVps.Host}/.well-known/acme-challenge/token";

    /// <summary>Caddy keeps its certificates elsewhere (in a database, say).</summary>
    private static readonly string[] Issue = [RecipeVps.Setup, "--caddy-storage", "/var/lib/nowhere", "--issue"];

    [Fact]
    public async Task A_certificate_is_issued_while_Caddy_serves()
    {
        await using var vps = await RecipeVps.StartAsync(certificates: RecipeCertificates.Authority);
        var told = await vps.Lab.RunAsync(Issue[..^1]);
        Assert.Equal(2, told.ExitCode);
        Assert.Contains($"Caddy has no valid certificate for {RecipeVps.Host}", told.Error, StringComparison.Ordinal);
        Assert.Contains("--issue", told.Error, StringComparison.Ordinal);
        await vps.StartClientsAsync("https", RecipeVps.Health);
        await vps.StartClientsAsync("http", $"http://{RecipeVps.Host}/");

        var setup = await vps.RunAsync(Issue);

        Assert.All([.. await vps.StopClientsAsync("https"), .. await vps.StopClientsAsync("http")], visit => Assert.True(visit.IsGood, $"{visit}"));
        var issued = setup.IndexOf($"{RecipeVps.Host}: the authority has issued a certificate", StringComparison.Ordinal);
        Assert.InRange(issued, 0, setup.IndexOf("The ports 80 and 443 move", StringComparison.Ordinal));
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.Matches($@"{RecipeVps.Host}\s+Acme\s+Valid\s+Pebble", await vps.RunAsync("edgeproxy", "certificates"));
        var after = await vps.SnapshotAsync();

        await vps.RunAsync(Issue);

        Assert.Equal(after, await vps.SnapshotAsync());
    }

    [Fact]
    public async Task A_name_that_Caddy_got_no_certificate_for_has_one_when_the_ports_move()
    {
        await using var vps = await RecipeVps.StartAsync(certificates: RecipeCertificates.Authority);
        await LabAuthority.RefuseAsync(vps.Lab, RecipeVps.Host);
        await vps.RunAsync("bash", "-c", "systemctl stop caddy.service; rm -r /var/lib/caddy/.local; systemctl start caddy.service");
        await Eventually.TrueAsync(
            async () => (await vps.RunAsync("journalctl", "--unit", "caddy", "--output", "cat")).Contains("will retry", StringComparison.Ordinal),
            "Caddy has given up for a minute");
        Assert.Equal("000", await vps.AskAsync(RecipeVps.Health));
        await LabAuthority.AcceptAsync(vps.Lab, RecipeVps.Host);

        var setup = await vps.RunAsync(RecipeVps.Setup, "--issue");

        Assert.Contains($"{RecipeVps.Host}: the authority has issued a certificate", setup, StringComparison.Ordinal);
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
    }

    [Fact]
    public async Task An_authority_that_refuses_leaves_Caddy_as_it_was()
    {
        await using var vps = await RecipeVps.StartAsync(certificates: RecipeCertificates.Authority);
        await LabAuthority.RefuseAsync(vps.Lab, RecipeVps.Host);
        var (before, configuration) = (await vps.SnapshotAsync(), await ConfigurationAsync(vps));

        var run = await vps.Lab.RunAsync(Issue);

        Assert.True(run.ExitCode == 1, $"{run.ExitCode}: {run.Output}{run.Error}");
        Assert.Contains("Caddy passes /.well-known/acme-challenge/ on", run.Output, StringComparison.Ordinal);
        Assert.Contains($"no certificate for {RecipeVps.Host}: ", run.Error, StringComparison.Ordinal);
        Assert.Contains("All is as it was; ports 80 and 443 are served by caddy.", run.Output, StringComparison.Ordinal);
        await AssertAsBeforeAsync(vps, before, configuration);
    }

    [Fact]
    public async Task Caddy_forgets_the_route_of_a_run_that_was_killed()
    {
        await using var vps = await RecipeVps.StartAsync(certificates: RecipeCertificates.Authority);
        await vps.RunAsync("systemctl", "kill", "--signal", "STOP", "authority.service"); // it listens, and says nothing
        var (before, configuration) = (await vps.SnapshotAsync(), await ConfigurationAsync(vps));
        await vps.RunAsync(["systemd-run", "--quiet", "--unit", "killed", .. Issue]);
        await Eventually.TrueAsync(async () => await ConfigurationAsync(vps) != configuration, "Caddy has the route");
        await vps.RunAsync("systemctl", "kill", "--signal", "KILL", "killed.service");

        var run = await vps.Lab.RunAsync(RecipeVps.Setup, "--caddy-storage", "/var/lib/nowhere");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("An earlier run was killed; first its changes are undone.", run.Output, StringComparison.Ordinal);
        await AssertAsBeforeAsync(vps, before, configuration);
    }

    [Fact]
    public async Task A_site_with_tls_internal_gets_an_authority_of_EdgeProxys_own()
    {
        await using var vps = await RecipeVps.StartAsync(certificates: RecipeCertificates.Internal);

        var setup = await vps.RunAsync(RecipeVps.Setup);

        Assert.Contains("edgeproxy certificates root", setup, StringComparison.Ordinal);
        Assert.Equal("000", await vps.AskAsync(RecipeVps.Health)); // who trusts Caddy's root does not trust this one
        await vps.RunAsync("bash", "-c", $"edgeproxy certificates root > {RecipeVps.TrustedRoot}");
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.Equal("308", await vps.AskAsync($"http://{RecipeVps.Host}/"));
    }

    private static Task<string> ConfigurationAsync(RecipeVps vps) => vps.RunAsync("curl", "--silent", "--fail", "http://localhost:2019/config/");

    private static async Task AssertAsBeforeAsync(RecipeVps vps, string before, string configuration)
    {
        Assert.Equal(configuration, await ConfigurationAsync(vps));
        Assert.Equal(before, await vps.SnapshotAsync());
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.Equal("308", await vps.AskAsync(Challenge)); // Caddy's own redirect
    }
}
