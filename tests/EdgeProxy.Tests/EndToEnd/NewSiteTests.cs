using EdgeProxy.Tests.EndToEnd.Deploys;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary><c>deploy/new-site</c> on a server where nothing of a site is: what it refuses and takes back, what it makes, and the deploy after it.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class NewSiteTests
{
    private const string Script = "/opt/edgeproxy/deploy/new-site";
    private const string Host = "shop.example.com";
    private const string Root = "/etc/test-root.pem";
    private const string Health = "/v1/config/feature-flags/";

    /// <summary>Wheels are here, as there is no network.</summary>
    private static readonly string[] _environment =
        ["env", "DEPLOY_VENV_OPTIONS=--system-site-packages", "DEPLOY_PIP_OPTIONS=--no-index --find-links=/srv/wheels"];

    private static readonly string[] _site =
    [
        Script, "--host", Host, "--repository", "/srv/origin.git", "--health-path", Health, "--deployer", "shopkeeper", "--workers", "2", "--internal",
    ];

    [Fact]
    public async Task A_site_is_made_or_nothing_is_changed_and_the_next_version_is_a_deploy()
    {
        Assert.SkipWhen(DeploySite.SkipReason is not null, DeploySite.SkipReason ?? "");
        var binary = Environment.GetEnvironmentVariable("EDGEPROXY_BINARY");
        Assert.SkipWhen(string.IsNullOrEmpty(binary), "needs the native binary (EDGEPROXY_BINARY): a JIT may not run under MemoryDenyWriteExecute=yes");
        await using var lab = await SystemdLab.BootAloneAsync($"{binary}:/opt/edgeproxy/bin/edgeproxy", $"{Repository.File("deploy")}:/opt/edgeproxy/deploy");
        await PrepareAsync(lab);
        // Of a version that runs it would be the end; here none does.
        var developer = new Developer(lab);
        var (first, _) = await developer.PushAsync("main", DeploySite.Migration("news", "0002_no_title", """migrations.RunPython(migrations.RunPython.noop), migrations.RemoveField("Entry", "title")"""));
        Task<CommandResult> RunAsync(params string[] arguments) => lab.RunAsync([.. _environment, .. _site, "--branch", first, .. arguments]);
        var command = $"\nsudo {string.Join(' ', _site)} --branch {first}";
        var nothing = await SnapshotAsync(lab);

        // Every step is told, and no secret.
        var dry = await RunAsync("--settings", "webshop.settings", "--media-root", "media", "--dry-run");
        Assert.True(dry.ExitCode == 0, dry.Output + dry.Error);
        Assert.Contains($"restart_app.sh {first}: check it out", dry.Output, StringComparison.Ordinal);
        Assert.Contains("Done (nothing was changed)", dry.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("SECRET_KEY=", dry.Output, StringComparison.Ordinal);
        Assert.Equal(nothing, await SnapshotAsync(lab));

        var refused = await RunAsync("--settings", "webshop.production");
        Assert.True(refused.ExitCode == 4, refused.Output + refused.Error);
        Assert.Contains(
            $"{first} has no settings module webshop.production; it has: sample.settings webshop.settings", refused.Error, StringComparison.Ordinal);
        Assert.EndsWith($"{command} --settings webshop.production\n", refused.Error, StringComparison.Ordinal);
        Assert.Equal(nothing, await SnapshotAsync(lab));

        // As many call it; and somebody has made the directory already.
        _ = (await lab.RunAsync("mkdir", "/srv/app")).Text;
        refused = await lab.RunAsync([.. _environment, .. _site, "--settings", "webshop.settings", "--branch", "master"]);
        Assert.True(refused.ExitCode == 4, refused.Output + refused.Error);
        Assert.Contains("/srv/origin.git has no branch or tag master; its branches: ", refused.Error, StringComparison.Ordinal);
        Assert.Contains("shopkeeper cannot write it: sudo useradd --create-home --shell /bin/bash shopkeeper && ", refused.Error, StringComparison.Ordinal);
        _ = (await lab.RunAsync("rmdir", "/srv/app")).Text;

        // What only the project knows fails in the first deploy, with all around it in place.
        var failed = await RunAsync("--settings", "webshop.settings");
        Assert.True(failed.ExitCode == 1, failed.Output + failed.Error);
        Assert.Contains("MEDIA_ROOT: /srv/app/green/media", failed.Output, StringComparison.Ordinal);
        Assert.Contains("nothing is served, as before: no version is live yet", failed.Output, StringComparison.Ordinal);
        Assert.EndsWith($"{command} --settings webshop.settings --media-root media\n", failed.Output, StringComparison.Ordinal);
        Assert.Equal(nothing, await SnapshotAsync(lab));

        var made = await RunAsync("--settings", "webshop.settings", "--media-root", "media");
        Assert.True(made.ExitCode == 0, made.Output + made.Error);
        Assert.Contains("it is the first version: there is none to go back to", made.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("fatal:", made.Output + made.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("the version that runs", made.Output + made.Error, StringComparison.Ordinal);
        Assert.Equal("750 app:app", (await lab.RunAsync("stat", "-c", "%a %U:%G", "/srv/app/data")).Text);
        Assert.Matches($@"https://{Host}/static/\S+: 200\n", made.Output);
        _ = (await lab.RunAsync("sh", "-c", $"edgeproxy certificates root > {Root}")).Text;
        Assert.DoesNotContain("second", await VisitAsync(lab, "/page"), StringComparison.Ordinal);
        Assert.Equal("640 root:app", (await lab.RunAsync("stat", "-c", "%a %U:%G", "/etc/app/app.env")).Text);
        Assert.Equal("enabled\nenabled\nenabled", (await lab.RunAsync(
            "systemctl", "is-enabled", "edgeproxy.service", "edgeproxy-http.socket", "edgeproxy-https.socket")).Text);

        var site = await SnapshotAsync(lab);
        var again = await RunAsync("--settings", "webshop.settings", "--media-root", "media");
        Assert.True(again.ExitCode == 0, again.Output + again.Error);
        Assert.Equal(site, await SnapshotAsync(lab));

        var (branch, commit) = await developer.PushAsync(first, ("shop/templates/shop/page.html", "the second version\n"));
        var deployed = await lab.RunAsync([.. _environment, "/opt/edgeproxy/deploy/restart_app.sh", branch]);
        Assert.True(deployed.ExitCode == 0, deployed.Output + deployed.Error);
        Assert.Contains($"live: blue with {commit} ", deployed.Output, StringComparison.Ordinal);
        Assert.Contains("to go back: restart_app.sh --rollback, to green with ", deployed.Output, StringComparison.Ordinal);
        Assert.Equal("the second version\n", await VisitAsync(lab, "/page"));

        // A virtual environment that somebody has made in the tree is theirs.
        _ = (await lab.RunAsync("sh", "-c", "rm /srv/app/green/.venv && mkdir /srv/app/green/.venv")).Text;
        var own = await lab.RunAsync([.. _environment, "/opt/edgeproxy/deploy/restart_app.sh", branch]);
        Assert.Equal(2, own.ExitCode);
        Assert.EndsWith("\nsudo mv '/srv/app/green/.venv' '/srv/app/green/.venv.before'\n", own.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("fetching", own.Output, StringComparison.Ordinal);
    }

    private static async Task<string> VisitAsync(SystemdLab lab, string path) =>
        (await lab.RunAsync("curl", "--silent", "--show-error", "--fail", "--cacert", Root, "--max-time", "20", $"https://{Host}{path}")).Output;

    private static async Task PrepareAsync(SystemdLab lab) => _ = (await lab.RunAsync("bash", "-c", $"""
        set -e
        rm -rf /etc/edgeproxy /etc/app /var/lib/edgeproxy /var/log/edgeproxy /usr/bin/edgeproxy /srv/app
        userdel edgeproxy 2> /dev/null || true
        echo '127.0.0.1 {Host}' >> /etc/hosts
        git config --system --add safe.directory '*' # the remote is a directory of somebody else's
        {SystemdLab.TestsInside}/make-site {SystemdLab.TestsInside} /srv/bare bare
        """)).Text;

    /// <summary>Every file that the script may touch, by mode, owner and content, and the units, by state and process.</summary>
    private static async Task<string> SnapshotAsync(SystemdLab lab) => (await lab.RunAsync("bash", "-c", """
        look() {
          find /etc /home /srv /usr/lib/systemd/system /usr/lib/sysusers.d /usr/lib/tmpfiles.d /usr/bin/edgeproxy /run/systemd/system /var/lib/edgeproxy \
            /var/lib/edgeproxy-deploy /var/log/edgeproxy ! -name '*-' ! -name .pwd.lock ! -path '*/__pycache__*' "$@"
        }
        {
          look \( -type f -o -type d \) -printf '%p %m %U:%G\n' -o -type l -printf '%p -> %l\n'
          look -type f -print0 | xargs --null sha1sum | sed -E 's/^([0-9a-f]+)  (.*)$/\2 \1/'
        } 2> /dev/null | sort
        systemctl list-units --all --no-legend --plain 'app-server*' 'edgeproxy*' | awk '{ print $1, $2, $3, $4 }' | sort
        systemctl show --property MainPID edgeproxy.service app-server-blue.service app-server-green.service
        """)).Text;
}
