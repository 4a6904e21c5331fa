using System.Globalization;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>The unit files of <c>deploy</c>, as they are: on a machine of their own, with the ports and users that they name.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class ShippedUnitsTests
{
    private static readonly string _deploy = Path.Combine(AppContext.BaseDirectory, "deploy");

    private static readonly string[] _units =
        ["edgeproxy.service", "edgeproxy-http.socket", "edgeproxy-https.socket", "app-server-blue.service", "app-server-green.service"];

    private static string? Binary => Environment.GetEnvironmentVariable("EDGEPROXY_BINARY") is { Length: > 0 } binary ? binary : null;

    [Theory]
    [InlineData("edgeproxy.service", 2.0)]
    [InlineData("app-server-blue.service", 4.0)]
    public async Task A_unit_can_do_little_besides_its_work(string unit, double exposure)
    {
        Tool.Demand("systemd-analyze");

        var run = await Tool.RunAsync("systemd-analyze", ["security", "--offline=true", "--no-pager", Path.Combine(_deploy, "systemd", unit)]);

        var level = run.Output.Split('\n').Single(line => line.Contains("Overall exposure level", StringComparison.Ordinal)).Split(": ")[1].Split(' ')[0];
        Assert.True(double.Parse(level, CultureInfo.InvariantCulture) <= exposure, run.Output);
    }

    [Fact]
    public async Task They_serve_switch_restart_and_reload_on_the_ports_that_they_name()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        Assert.SkipWhen(Binary is null, "needs the native binary (EDGEPROXY_BINARY): a JIT may not run under MemoryDenyWriteExecute=yes");
        await using var lab = await SystemdLab.BootAloneAsync($"{Binary}:/usr/bin/edgeproxy");
        await InstallAsync(lab);
        try
        {
            await UseAsync(lab);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            var journal = await lab.RunAsync("journalctl", "--no-pager", "-n", "60");
            throw new InvalidOperationException($"{error.Message}\n{journal.Output}", error);
        }
    }

    private static async Task UseAsync(SystemdLab lab)
    {
        Assert.Equal("", (await lab.RunAsync(["systemd-analyze", "verify", "--man=no", .. _units])).Error);
        await RunAsync(lab, "systemctl", "start", "edgeproxy-http.socket", "edgeproxy-https.socket");
        await RunAsync(lab, "systemctl", "start", "edgeproxy.service");
        await Eventually.TrueAsync(async () => await AskAsync(lab) == "200", "the app is served on port 80");

        // Whoever may deploy is in the group of the socket, and nobody else reaches it.
        await RunAsync(lab, "useradd", "--groups", "edgeproxy", "deployer");
        Assert.NotEqual(0, (await lab.RunAsync("runuser", "-u", "nobody", "--", "edgeproxy", "status")).ExitCode);
        var switched = await RunAsync(lab, "runuser", "-u", "deployer", "--", "edgeproxy", "switch", "--label", "a1b2c3");
        Assert.Contains("Completed: blue -> green", switched, StringComparison.Ordinal);
        Assert.Equal("inactive", (await lab.RunAsync("systemctl", "is-active", "app-server-blue.service")).Output.Trim());

        await RunAsync(lab, "systemctl", "reload", "edgeproxy.service");
        await RunAsync(lab, "systemctl", "restart", "edgeproxy.service");
        Assert.Equal("200", await AskAsync(lab));
        Assert.Contains("traffic is on green", await RunAsync(lab, "runuser", "-u", "deployer", "--", "edgeproxy", "status"), StringComparison.Ordinal);
        Assert.Equal("edgeproxy edgeproxy 750", await RunAsync(lab, "stat", "-c", "%U %G %a", "/var/lib/edgeproxy"));
        Assert.Equal("0", await RunAsync(lab, "systemctl", "show", "--value", "-p", "NRestarts", "edgeproxy.service"));
        Assert.Equal("", await RunAsync(lab, "systemctl", "list-units", "--failed", "--no-legend"));
    }

    private static async Task InstallAsync(SystemdLab lab)
    {
        foreach (var unit in _units)
        {
            await CopyAsync(lab, $"systemd/{unit}", $"/etc/systemd/system/{unit}");
        }

        await CopyAsync(lab, "polkit/49-edgeproxy.rules", "/etc/polkit-1/rules.d/49-edgeproxy.rules");
        Directory.CreateDirectory($"{lab.Root}/etc/edgeproxy");
        await lab.WriteFileAsync("/etc/edgeproxy/appsettings.json", """
            {
              "AllowedHosts": "localhost",
              "EdgeProxy": {
                "Slots": {
                  "Blue": { "Address": "http://127.0.0.1:8000", "Unit": "app-server-blue.service" },
                  "Green": { "Address": "http://127.0.0.1:8100", "Unit": "app-server-green.service" }
                },
                "Switch": { "Observe": "00:00:01" },
                "Upstream": { "ServerKeepAlive": "00:01:15" },
                "AccessLog": { "Path": "/var/log/edgeproxy/access.log" }
              }
            }
            """);
        foreach (var kind in (string[])["sysusers", "tmpfiles"])
        {
            await CopyAsync(lab, $"{kind}.d/edgeproxy.conf", $"/usr/lib/{kind}.d/edgeproxy.conf");
        }

        await RunAsync(lab, "systemd-sysusers");
        await RunAsync(lab, "systemd-tmpfiles", "--create", "edgeproxy.conf");

        // The app, as its units expect it.
        await RunAsync(lab, "useradd", "--system", "app");
        await lab.WriteFileAsync("/etc/app/app.env", "SECRET_KEY=not-for-everybody\n");
        foreach (var slot in (string[])["blue", "green"])
        {
            await RunAsync(lab, "mkdir", "-p", $"/srv/app/{slot}/.venv/bin");
            await RunAsync(lab, "cp", "-r", $"{SystemdLab.TestsInside}/django/.", $"/srv/app/{slot}");
            await RunAsync(lab, "ln", "-s", "/usr/bin/gunicorn", $"/srv/app/{slot}/.venv/bin/gunicorn");
            await lab.WriteFileAsync($"/srv/app/{slot}/app/wsgi.py", "from sample.wsgi import application\n");
        }

        await RunAsync(lab, "systemctl", "daemon-reload");
    }

    private static async Task CopyAsync(SystemdLab lab, string file, string target) =>
        await lab.WriteFileAsync(target, await File.ReadAllTextAsync(Path.Combine(_deploy, file), TestContext.Current.CancellationToken));

    private static async Task<string> RunAsync(SystemdLab lab, params string[] command) => (await lab.RunAsync(command)).Text;

    private static async Task<string> AskAsync(SystemdLab lab) =>
        (await lab.RunAsync("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "20", "http://localhost/v1/config/feature-flags/")).Output;
}
