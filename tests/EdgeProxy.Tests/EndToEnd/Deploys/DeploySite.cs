using System.Diagnostics;
using System.Globalization;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd.Deploys;

/// <summary>A site that <c>restart_app.sh</c> deploys: a Django project with PostgreSQL, its repository and the remote one, on a <see cref="Vps"/>.</summary>
/// <remarks>
/// Made by <c>make-site</c> in seconds, so several tests share one: each pushes branches of its own, made from the first version. What one of them
/// migrates stays, and is nothing that another's version minds. Without a <see cref="SystemdLab"/> the tests skip themselves before they ask for it.
/// </remarks>
public abstract class DeploySite : IAsyncLifetime
{
    public const string Script = $"{SystemdLab.TestsInside}/deploy/restart_app.sh";

    private Vps? _vps;

    public static string? SkipReason => SystemdLab.SkipReason ?? (Directory.Exists("/usr/lib/postgresql") ? null : "postgresql is not installed");

    public Vps Vps => _vps ?? throw new InvalidOperationException($"call Assert.SkipWhen(DeploySite.SkipReason ...) first");

    private SystemdLab Lab => Vps.Lab;

    private Developer Developer => field ??= new Developer(Lab);

    /// <summary>The directory of trees and environments.</summary>
    protected abstract string Base { get; }

    /// <summary><c>apart</c> or <c>shared</c>.</summary>
    protected abstract string Layout { get; }

    /// <summary>deploy.conf.</summary>
    protected abstract string Settings { get; }

    /// <summary>Where the slot's unit runs.</summary>
    public abstract string TreeOf(SlotName slot);

    /// <summary>The slot's companion, a unit that does nothing.</summary>
    public static string WorkerOf(SlotName slot) => $"worker-{slot.ToKey()}.service";

    public string StaticRoot => $"{Base}/shared/static";

    public async ValueTask InitializeAsync()
    {
        if (SkipReason is null)
        {
            _vps = await Vps.StartAsync(
                async vps =>
                {
                    var ports = SlotNameExtensions.All.Select(slot => vps.PortOf(slot).ToString(CultureInfo.InvariantCulture));
                    _ = (await vps.Lab.RunAsync([$"{SystemdLab.TestsInside}/make-site", SystemdLab.TestsInside, Base, Layout, .. ports])).Text;
                    await vps.Lab.WriteFileAsync("/etc/edgeproxy/deploy.conf", Settings);
                    await vps.Lab.WriteFileAsync("/usr/local/bin/edgeproxy", $"#!/bin/sh\nDOTNET_CLI_HOME=/tmp exec {string.Join(' ', Vps.Program)} \"$@\"\n");
                    _ = (await vps.Lab.RunAsync("chmod", "755", "/usr/local/bin/edgeproxy")).Text;
                    foreach (var slot in SlotNameExtensions.All)
                    {
                        await vps.Lab.WriteUnitAsync(WorkerOf(slot), "[Service]\nExecStart=/usr/bin/sleep infinity\n");
                    }
                },
                $$"""
                "Companions": [{ "Name": "worker", "BlueUnit": "{{WorkerOf(SlotName.Blue)}}", "GreenUnit": "{{WorkerOf(SlotName.Green)}}" }],
                """);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_vps is not null)
        {
            await _vps.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    public Task<CommandResult> DeployAsync(params string[] arguments) => Lab.RunAsync([Script, .. arguments]);

    /// <summary>Deploys, and fails the test where that fails.</summary>
    /// <returns>What it said, errors behind the rest.</returns>
    public async Task<string> DeployedAsync(params string[] arguments)
    {
        var run = await DeployAsync(arguments);
        Assert.True(run.ExitCode == 0, $"exit code {run.ExitCode}: {run.Output}{run.Error}");
        return run.Output + run.Error;
    }

    /// <summary>Where one slot has none yet, deploys the first version to it: then there is something to put back.</summary>
    public async Task FillBothSlotsAsync()
    {
        if (!SlotNameExtensions.All.All(slot => Path.Exists($"{Lab.Root}{TreeOf(slot)}/.git")))
        {
            await DeployedAsync("main");
        }
    }

    /// <summary>Starts a deploy in a session of its own, as a terminal would; also where whoever runs the tests ignores Ctrl-C (nohup, a shell's &amp;), which
    /// a script could not take back.</summary>
    public async Task<RunningDeploy> StartDeployAsync(params string[] arguments)
    {
        var log = $"/tmp/deploy-{Guid.NewGuid():N}";
        await Lab.WriteFileAsync(log, "");
        var process = Process.Start(new ProcessStartInfo(
            "nsenter",
            [
                "--target", $"{Lab.Pid}", "--all", "--", "env", "--default-signal", "setsid", "--wait", "bash", "-c",
                "echo $$ >> \"$0.pid\"; exec \"$@\" >> \"$0\" 2>&1", log, Script, .. arguments]))!;
        await Eventually.TrueAsync(() => File.Exists($"{Lab.Root}{log}.pid") && new FileInfo($"{Lab.Root}{log}.pid").Length > 0, "the deploy has begun");
        return new RunningDeploy(Lab, process, log, (await File.ReadAllTextAsync($"{Lab.Root}{log}.pid", TestContext.Current.CancellationToken)).Trim());
    }

    /// <inheritdoc cref="Developer.PushAsync"/>
    public Task<(string Branch, string Commit)> PushAsync(params (string Path, string? Content)[] files) => Developer.PushAsync("main", files);

    /// <summary>A file of the first version with something in it replaced.</summary>
    public async Task<(string Path, string? Content)> ChangedAsync(string path, string old, string @new)
    {
        var text = await Developer.GitAsync("show", $"main:{path}");
        Assert.Contains(old, text, StringComparison.Ordinal);
        return (path, text.Replace(old, @new, StringComparison.Ordinal) + "\n");
    }

    /// <summary>A migration of one operation, behind the first one of its app.</summary>
    public static (string Path, string? Content) Migration(string app, string name, params string[] operations) => ($"{app}/migrations/{name}.py", $$"""
        import time
        from django.db import migrations, models


        def wait(apps, schema_editor):
            time.sleep(300)


        def fail(apps, schema_editor):
            raise RuntimeError("this migration fails")


        class Migration(migrations.Migration):
            dependencies = [("{{app}}", "0001_initial")]
            operations = [{{string.Join(", ", operations)}}]

        """);

    /// <summary>Adds a column that the first version can live with.</summary>
    public static string AddColumn(string name) => $"""migrations.AddField("Item", "{name}", models.TextField(null=True))""";

    public Task<string> HeadAsync(SlotName slot) => Developer.RunAsync("git", "-C", TreeOf(slot), "rev-parse", "--short", "HEAD");

    /// <summary>What a deploy may change before it succeeds, and must have put back when it does not: who serves, the idle tree, its environment, the list of
    /// hashed names.</summary>
    public async Task<string> FingerprintAsync()
    {
        var active = await Vps.ActiveSlotAsync();
        var idle = TreeOf(active.Other());
        return $"{active.ToKey()} {await HeadAsync(active.Other())} " + await ReadAsync(
            "bash",
            "-c",
            $"readlink '{idle}/.venv'; git -c safe.directory='*' -C '{idle}' status --porcelain; cat '{StaticRoot}/staticfiles.json'; ls -A '{StaticRoot}' " +
                "/var/lib/edgeproxy-deploy | grep -v css");
    }

    public Task<string> ReadAsync(params string[] command) => TextAsync(Lab.RunAsync(command));

    public Task<string> SqlAsync(string query) =>
        ReadAsync("runuser", "-u", "postgres", "--", "psql", "--tuples-only", "--no-align", "webshop", "--command", query);

    /// <summary>Is the migration in the database?</summary>
    public async Task<bool> IsAppliedAsync(string app, string name) =>
        await SqlAsync($"SELECT count(*) FROM django_migrations WHERE app = '{app}' AND name = '{name}'") == "1";

    /// <summary>A path of the site, as a client gets it.</summary>
    public async Task<string> VisitAsync(string path)
    {
        using var client = new HttpClient { BaseAddress = Vps.Public };
        return await client.GetStringAsync(path, TestContext.Current.CancellationToken);
    }

    private static async Task<string> TextAsync(Task<CommandResult> run) => (await run).Text;
}
