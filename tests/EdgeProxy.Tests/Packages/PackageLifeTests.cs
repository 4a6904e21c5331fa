using EdgeProxy.Tests.EndToEnd;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Packages;

/// <summary>The Debian package on a machine of its own: beside another server, in service, upgraded and downgraded under load, removed, purged.</summary>
[Collection(ServiceLifeCollection.Name)]
public sealed class PackageLifeTests
{
    private const string Packages = "/opt/packages";
    private const string Settings = "/etc/edgeproxy/appsettings.json";
    private const string Url = "http://localhost/v1/config/feature-flags/";

    /// <summary>One WebSocket, a line for each echo; ends when it is cut.</summary>
    private const string Talk =
        """
        import socket, time
        client = socket.create_connection(("localhost", 80), 20)
        client.sendall(b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                       b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        stream = client.makefile("rb")
        assert b" 101 " in stream.readline()
        while stream.readline() != b"\r\n":
            pass
        while True:
            client.sendall(b"\x82\x84\0\0\0\0ping")
            assert stream.read(6) == b"\x82\x04ping"
            print("echo", flush=True)
            time.sleep(0.1)

        """;

    [Fact]
    public async Task It_disturbs_nobody_upgrades_without_a_failed_request_and_leaves_what_it_should()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        Assert.SkipWhen(Package.NativeBinary is null, "needs the native binary (EDGEPROXY_BINARY): a JIT may not run under MemoryDenyWriteExecute=yes");
        using var directory = new TemporaryDirectory();
        var older = await Package.BuildAsync(directory.Path, "1.0.0");
        var newer = await older.AsAsync("1.0.1");
        await using var lab = await SystemdLab.BootAloneAsync($"{directory.Path}:{Packages}");
        try
        {
            await Package.LeaveManualsAloneAsync(lab);
            await InstallAsync(lab, older);
            await ServeAsync(lab);
            await ReplaceUnderLoadAsync(lab, newer, older);
            await KeepWhatRefusesSettingsAsync(lab, newer);
            await RemoveAsync(lab);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            var journal = await lab.RunAsync("journalctl", "--no-pager", "-n", "60");
            throw new InvalidOperationException($"{error.Message}\n{journal.Output}", error);
        }
    }

    /// <summary>Beside a server that has port 80, which stays in service.</summary>
    private static async Task InstallAsync(SystemdLab lab, Package package)
    {
        await RunAsync(lab, "systemd-run", "--unit=other", "--property=WorkingDirectory=/srv", "python3", "-m", "http.server", "80");
        await Eventually.TrueAsync(async () => (await lab.RunAsync("curl", "-s", "http://localhost/")).ExitCode == 0, "the other server has the port");

        Assert.Contains("nothing is started", await InstallAsync(lab, package.Deb), StringComparison.Ordinal);

        Assert.Equal("200", await AskAsync(lab, "http://localhost/"));
        foreach (var unit in (string[])["edgeproxy.service", "edgeproxy-http.socket", "edgeproxy-https.socket"])
        {
            Assert.Equal("inactive", (await lab.RunAsync("systemctl", "is-active", unit)).Output.Trim());
            Assert.Equal("disabled", (await lab.RunAsync("systemctl", "is-enabled", unit)).Output.Trim());
        }

        Assert.Equal("root edgeproxy 750", await RunAsync(lab, "stat", "-c", "%U %G %a", "/etc/edgeproxy"));
        Assert.Contains("systemd-journal", await RunAsync(lab, "id", "-nG", "edgeproxy"), StringComparison.Ordinal);
        Assert.Equal("", await RunAsync(lab, "dpkg", "--verify", "edgeproxy"));
        await RunAsync(lab, "systemctl", "stop", "other.service");
    }

    private static async Task ServeAsync(SystemdLab lab)
    {
        await RunAsync(lab, "useradd", "--system", "app");
        await lab.WriteFileAsync("/etc/app/app.env", "SECRET_KEY=not-for-everybody\n");
        foreach (var slot in (string[])["blue", "green"])
        {
            await RunAsync(lab, "mkdir", "-p", $"/srv/app/{slot}/.venv/bin");
            await RunAsync(lab, "cp", "-r", $"{SystemdLab.TestsInside}/django/.", $"/srv/app/{slot}");
            await RunAsync(lab, "ln", "-s", "/usr/bin/gunicorn", $"/srv/app/{slot}/.venv/bin/gunicorn");
            await lab.WriteFileAsync($"/srv/app/{slot}/app/wsgi.py", "from sample.wsgi import application\n");
            await RunAsync(lab, "cp", $"/usr/share/edgeproxy/deploy/systemd/app-server-{slot}.service", "/etc/systemd/system/");
        }

        await WriteSettingsAsync(lab, "");
        await RunAsync(lab, "systemctl", "daemon-reload");
        await RunAsync(lab, "systemctl", "enable", "--now", "edgeproxy-http.socket", "edgeproxy-https.socket", "edgeproxy.service");
        await Eventually.TrueAsync(async () => await AskAsync(lab, Url) == "200", "the app is served on port 80");
    }

    private static async Task ReplaceUnderLoadAsync(SystemdLab lab, Package newer, Package older)
    {
        await RunAsync(
            lab, "systemd-run", "--unit=client", "--property=StandardOutput=file:/run/client.log", "edgeproxy", "watch", Url, "--interval", "20ms");
        var asked = $"{lab.Root}/run/client.log";
        await Eventually.TrueAsync(() => Task.FromResult(File.Exists(asked) && File.ReadLines(asked).Count() > 10), "the client asks");
        await RunAsync(lab, "systemd-run", "--unit=sockets", "edgeproxy", "sample-backend", "--port", "8200", "--slot", "blue");
        await lab.WriteFileAsync("/srv/talk.py", Talk);
        await Eventually.TrueAsync(async () => await AskAsync(lab, "http://127.0.0.1:8200/") == "200", "the app with a WebSocket responds");
        await RunAsync(lab, "systemd-run", "--unit=talk", "--property=StandardOutput=file:/run/talk.log", "python3", "/srv/talk.py");
        await TalksAsync(lab);
        var (first, started) = (await MainPidAsync(lab), await StartedAsync(lab));
        foreach (var (package, version) in new[] { (newer, "1.0.1"), (older, "1.0.0"), (newer, "1.0.1") })
        {
            var before = await MainPidAsync(lab);
            await InstallAsync(lab, package.Deb);
            Assert.Equal(version, await RunAsync(lab, "dpkg-query", "--show", "--showformat", "${Version}", "edgeproxy"));
            Assert.NotEqual(before, await MainPidAsync(lab));
            Assert.Equal("200", await AskAsync(lab, Url));
            await TalksAsync(lab);
        }

        Assert.Equal(started, await StartedAsync(lab)); // it was never started anew: each process was replaced by the next one
        Assert.Equal(0, (await lab.RunAsync("kill", "-0", first)).ExitCode); // and the first one still has the WebSocket
        await RunAsync(lab, "systemctl", "stop", "talk.service", "sockets.service");
        await RunAsync(lab, "systemctl", "kill", "--signal=INT", "client.service");
        await Eventually.TrueAsync(
            async () => (await lab.RunAsync("systemctl", "is-active", "client.service")).Output.Trim() != "active", "the client has summed up");
        var log = await File.ReadAllTextAsync(asked, TestContext.Current.CancellationToken);
        var lines = log.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines[..^1], line => Assert.Matches(@"^\d\d:\d\d:\d\d 200 ", line));
        Assert.Matches(@"^\d+ requests, 0 failed", lines[^1]);
        Figures.Report($"the package, upgraded, downgraded and upgraded again under load: {lines[^1]}");
    }

    /// <summary>The WebSocket that was opened before the first upgrade gets its echoes.</summary>
    private static async Task TalksAsync(SystemdLab lab)
    {
        var said = $"{lab.Root}/run/talk.log";
        var before = File.Exists(said) ? File.ReadLines(said).Count() : 0;
        await Eventually.TrueAsync(() => Task.FromResult(File.Exists(said) && File.ReadLines(said).Count() > before + 3), "the WebSocket goes on");
        Assert.Equal("active", (await lab.RunAsync("systemctl", "is-active", "talk.service")).Output.Trim());
    }

    /// <summary>When systemd has started the service last.</summary>
    private static Task<string> StartedAsync(SystemdLab lab) =>
        RunAsync(lab, "systemctl", "show", "--value", "-p", "ActiveEnterTimestampMonotonic", "edgeproxy.service");

    /// <summary>A version that does not accept the settings must not end the one that does.</summary>
    private static async Task KeepWhatRefusesSettingsAsync(SystemdLab lab, Package package)
    {
        var before = await MainPidAsync(lab);
        await WriteSettingsAsync(lab, "\"Helath\": {},");

        var said = await InstallAsync(lab, package.Deb);

        Assert.Contains("EdgeProxy:Helath", said, StringComparison.Ordinal);
        Assert.Contains("the version before goes on serving", said, StringComparison.Ordinal);
        Assert.Equal(before, await MainPidAsync(lab));
        Assert.Equal("200", await AskAsync(lab, Url));
        await WriteSettingsAsync(lab, "");
    }

    private static async Task RemoveAsync(SystemdLab lab)
    {
        Assert.Contains("the active one runs on", await RunAsync(lab, "dpkg", "--remove", "edgeproxy"), StringComparison.Ordinal);
        Assert.NotEqual("200", await AskAsync(lab, Url));
        Assert.Equal("active", await RunAsync(lab, "systemctl", "is-active", "app-server-blue.service"));
        Assert.False(File.Exists($"{lab.Root}/usr/bin/edgeproxy"));
        Assert.True(File.Exists($"{lab.Root}{Settings}"));
        Assert.True(File.Exists($"{lab.Root}/var/lib/edgeproxy/active.json"));
        Assert.Equal("", (await lab.RunAsync("systemctl", "list-unit-files", "--no-legend", "edgeproxy*")).Output);

        Assert.Contains("removing /var/lib/edgeproxy", await RunAsync(lab, "dpkg", "--purge", "edgeproxy"), StringComparison.Ordinal);
        foreach (var path in (string[])["/etc/edgeproxy", "/var/lib/edgeproxy", "/var/log/edgeproxy", "/etc/logrotate.d/edgeproxy", "/usr/share/edgeproxy"])
        {
            Assert.False(Path.Exists(lab.Root + path), path);
        }

        Assert.NotEqual(0, (await lab.RunAsync("getent", "passwd", "edgeproxy")).ExitCode);
    }

    private static Task WriteSettingsAsync(SystemdLab lab, string more) => lab.WriteFileAsync(Settings, $$"""
        {
          "AllowedHosts": "localhost",
          "EdgeProxy": {
            {{more}}
            "AccessLog": { "Format": "None" },
            "Sites": [ { "Hosts": "localhost", "Scheme": "Http", "Routes": [ { "Path": "/ws", "Upstreams": "http://127.0.0.1:8200" }, { "App": "app" } ] } ],
            "Slots": {
              "Blue": { "Address": "http://127.0.0.1:8000", "Unit": "app-server-blue.service" },
              "Green": { "Address": "http://127.0.0.1:8100", "Unit": "app-server-green.service" }
            }
          }
        }
        """);

    /// <summary>What dpkg and the package's scripts say.</summary>
    private static async Task<string> InstallAsync(SystemdLab lab, string deb)
    {
        var run = await lab.RunAsync("dpkg", "--install", $"{Packages}/{Path.GetFileName(deb)}");
        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        return run.Output + run.Error;
    }

    private static Task<string> MainPidAsync(SystemdLab lab) => RunAsync(lab, "systemctl", "show", "--value", "-p", "MainPID", "edgeproxy.service");

    private static async Task<string> RunAsync(SystemdLab lab, params string[] command) => (await lab.RunAsync(command)).Text;

    private static async Task<string> AskAsync(SystemdLab lab, string url) =>
        (await lab.RunAsync("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "20", url)).Output;
}
