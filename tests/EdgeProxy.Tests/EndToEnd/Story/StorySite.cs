using EdgeProxy.Tests.EndToEnd.Deploys;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Packages;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd.Story;

/// <summary>The recipe's server with the shop on PostgreSQL, its developer, and EdgeProxy's package, which nobody has installed yet.</summary>
internal sealed class StorySite : IAsyncDisposable
{
    private const string Packages = "/opt/packages";
    private const string Deploy = "/usr/share/edgeproxy/deploy";

    private readonly TemporaryDirectory _directory;
    private readonly RecipeVps _vps;
    private readonly Package _package;

    private StorySite(TemporaryDirectory directory, RecipeVps vps, Package package)
    {
        (_directory, _vps, _package) = (directory, vps, package);
        Developer = new Developer(vps.Lab);
    }

    public SystemdLab Lab => _vps.Lab;

    public Developer Developer { get; }

    public static async Task<StorySite> StartAsync()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        RecipeVps.Demand();
        var directory = new TemporaryDirectory();
        RecipeVps? vps = null;
        try
        {
            var package = Package.BuildAsync(directory.Path, "1.0.0");
            vps = await RecipeVps.StartAsync(InstallShopAsync, $"{directory.Path}:{Packages}");
            await Package.LeaveManualsAloneAsync(vps.Lab);
            // Ten seconds a deploy would be half of the test.
            await vps.Lab.WriteFileAsync("/etc/systemd/system/edgeproxy.service.d/story.conf", "[Service]\nEnvironment=EdgeProxy__Switch__Observe=00:00:02\n");
            return new StorySite(directory, vps, await package);
        }
        catch
        {
            await (vps?.DisposeAsync() ?? ValueTask.CompletedTask);
            directory.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _vps.DisposeAsync();
        _directory.Dispose();
    }

    public Task<string> RunAsync(params string[] command) => _vps.RunAsync(command);

    /// <summary>Starts a watch from outside.</summary>
    public async Task<OutsideWatch> WatchAsync(string url, int expected = 200) =>
        OutsideWatch.Start(Lab, url, await RunAsync("cat", RecipeVps.TrustedRoot), expected);

    public async Task<string> InstallPackageAsync()
    {
        var run = await Lab.RunAsync("dpkg", "--install", $"{Packages}/{Path.GetFileName(_package.Deb)}");
        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        return run.Output;
    }

    /// <summary>Runs a script of the package.</summary>
    public Task<CommandResult> ScriptAsync(string name, params string[] arguments) => Lab.RunAsync([$"{Deploy}/{name}", .. arguments]);

    /// <summary>The same, which must succeed.</summary>
    /// <returns>What it said, errors behind the rest.</returns>
    public async Task<string> DoAsync(string name, params string[] arguments)
    {
        var run = await ScriptAsync(name, arguments);
        Assert.True(run.ExitCode == 0, $"{name}: exit code {run.ExitCode}: {run.Output}{run.Error}\n{await JournalAsync()}");
        return run.Output + run.Error;
    }

    public async Task RebootAsync()
    {
        await Lab.RebootAsync(cutsPower: false);
        await Eventually.TrueAsync(async () => await _vps.AskAsync(RecipeVps.Health) == "200", "the app is served after the reboot", TimeSpan.FromMinutes(1));
    }

    /// <summary>What a client reads.</summary>
    public Task<string> ReadAsync(string path) => _vps.ReadAsync($"https://{RecipeVps.Host}{path}");

    /// <summary>The path of the stylesheet that the shop's page asks for now.</summary>
    public async Task<string> StylesheetAsync() => (await ReadAsync("/page")).Split("href=\"")[1].Split('"')[0];

    public Task<string> SqlAsync(string query) =>
        RunAsync("runuser", "-u", "postgres", "--", "psql", "--tuples-only", "--no-align", "webshop", "--command", query);

    /// <summary>The slot's main process.</summary>
    public Task<string> ProcessAsync(string unit) => RunAsync("systemctl", "show", "--value", "-p", "MainPID", unit);

    public async Task<string> JournalAsync() => (await Lab.RunAsync("journalctl", "--no-pager", "-o", "short-precise", "-n", "80")).Output;

    private static Task InstallShopAsync(RecipeVps vps) =>
        vps.RunAsync($"{SystemdLab.TestsInside}/make-site", SystemdLab.TestsInside, RecipeVps.Checkout, "recipe");
}
