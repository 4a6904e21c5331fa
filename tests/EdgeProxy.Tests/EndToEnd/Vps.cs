using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>What runs the two app units.</summary>
/// <param name="Workers">gunicorn's <c>--workers</c>.</param>
/// <param name="Threads">gunicorn's <c>--threads</c>; null: true sync workers (with it gunicorn runs threaded ones).</param>
/// <param name="KillSignal">The recipe's units have SIGQUIT, which cuts the requests of sync workers.</param>
public sealed record AppUnits(int Workers = 3, int? Threads = null, string KillSignal = "SIGTERM");

/// <summary>One server as a user has it: systemd, two gunicorn units with the sample Django project, and EdgeProxy as a third unit under a user of its
/// own.</summary>
/// <remarks>
/// EdgeProxy listens on a socket that systemd holds. It is the native binary where <c>EDGEPROXY_BINARY</c> names one, else the tests' build. Ports are free
/// ones of this machine, whose network the lab shares.
/// </remarks>
public sealed class Vps : IAsyncDisposable
{
    public const string Proxy = "edgeproxy.service";
    public const string ProxySocket = "edgeproxy-http.socket";

    private const string User = "edgeproxy";
    private const string Config = "/etc/edgeproxy/appsettings.json";
    private const string ProxyEnvironment = "/etc/edgeproxy/test.env";
    private const string State = "/var/lib/edgeproxy";
    private const string NativeInside = "/opt/edgeproxy";

    private readonly Dictionary<SlotName, int> _ports = SlotNameExtensions.All.ToDictionary(slot => slot, _ => Backend.FreePort());
    private readonly int _adminPort = Backend.FreePort();

    private Vps(SystemdLab lab) => Lab = lab;

    public SystemdLab Lab { get; }

    /// <summary>Where clients come in.</summary>
    public Uri Public { get; } = new($"http://127.0.0.1:{Backend.FreePort()}");

    /// <summary>The admin API over its socket, as root; not bound in time, a switch may take a while.</summary>
    public HttpClient Admin { get; private set; } = null!;

    public static string UnitOf(SlotName slot) => $"app-server-{slot.ToKey()}.service";

    /// <summary>Boots the machine and starts EdgeProxy, which starts blue.</summary>
    /// <param name="units">How the app runs.</param>
    /// <param name="settings">Settings that differ from the defaults, as JSON members of <c>EdgeProxy</c>, each with a comma behind it. Without a <c>Switch</c>
    /// of theirs nothing is observed, so that a switch takes its own time only.</param>
    /// <param name="mountState">Options of a tmpfs that its state directory is to be; null: it is on the machine's file system.</param>
    public static Task<Vps> StartAsync(AppUnits? units = null, string settings = "", string? mountState = null) =>
        StartAsync(vps => vps.InstallAppAsync(units ?? new AppUnits()), vps => vps.StartProxyAsync(settings, mountState));

    /// <summary>Boots the machine with the two app units and whatever else fronts them at <see cref="Public"/>.</summary>
    /// <param name="start">Installs and starts it.</param>
    public static Task<Vps> StartAsync(AppUnits units, Func<Vps, Task> start) => StartAsync(vps => vps.InstallAppAsync(units), start);

    /// <summary>Boots the machine with an app of the test's own and EdgeProxy.</summary>
    /// <param name="installApp">Writes the two units (<see cref="UnitOf"/>, <see cref="PortOf"/>) and what they run.</param>
    /// <param name="settings">As above.</param>
    public static Task<Vps> StartAsync(Func<Vps, Task> installApp, string settings) => StartAsync(installApp, vps => vps.StartProxyAsync(settings, null));

    private static async Task<Vps> StartAsync(Func<Vps, Task> installApp, Func<Vps, Task> start)
    {
        string[] shares = NativeBinary is { } binary ? [$"{Path.GetDirectoryName(binary)}:{NativeInside}"] : [];
        var vps = new Vps(await SystemdLab.BootAsync(shares));
        try
        {
            await installApp(vps);
            await start(vps);
            await Eventually.TrueAsync(async () => await vps.IsHealthyAsync(), "the app is served");
            return vps;
        }
        catch (Exception error)
        {
            var journal = await vps.Lab.RunAsync("journalctl", "--no-pager", "-n", "60");
            await vps.DisposeAsync();
            throw new InvalidOperationException($"{error.Message}\n{journal.Output}", error);
        }
    }

    public HttpClient NewAdmin() => new(new SocketsHttpHandler
    {
        UseProxy = false,
        ConnectCallback = async (_, cancellation) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint($"{Lab.Root}/run/edgeproxy/admin.sock"), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    })
    {
        BaseAddress = new Uri("http://edgeproxy"),
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <summary><c>POST /switch</c>, waiting for its end.</summary>
    public Task<(int Status, JsonElement Switch)> SwitchAsync(string body = "{}", HttpClient? admin = null) => PostAsync("/switch", body, admin);

    public async Task<(int Status, JsonElement Switch)> PostAsync(string path, string body = "{}", HttpClient? admin = null)
    {
        using var content = new StringContent(body);
        using var response = await (admin ?? Admin).PostAsync(path, content, TestContext.Current.CancellationToken);
        return ((int)response.StatusCode, await JsonAsync(response));
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        using var response = await Admin.GetAsync(path, TestContext.Current.CancellationToken);
        return await JsonAsync(response);
    }

    public async Task SystemctlAsync(params string[] command) => _ = (await Lab.RunAsync(["systemctl", .. command])).Text;

    /// <summary>The unit's <c>ActiveState</c>, asked from systemd itself.</summary>
    public async Task<string> ActiveStateAsync(string unit) => (await Lab.RunAsync("systemctl", "show", "--value", "-p", "ActiveState", unit)).Text;

    public async Task<string> SubStateAsync(string unit) => (await Lab.RunAsync("systemctl", "show", "--value", "-p", "SubState", unit)).Text;

    /// <summary>The slot that <c>active.json</c> names.</summary>
    public async Task<SlotName> ActiveSlotAsync()
    {
        using var file = JsonDocument.Parse(await File.ReadAllTextAsync($"{Lab.Root}{State}/active.json", TestContext.Current.CancellationToken));
        Assert.True(SlotNameExtensions.TryParse(file.RootElement.GetProperty("slot").GetString(), out var slot));
        return slot;
    }

    /// <summary>Gives the slot's next start other variables, e.g. a fault of the sample project.</summary>
    public async Task SetEnvironmentAsync(SlotName slot, params string[] variables) =>
        await Lab.WriteFileAsync($"/etc/app/{slot.ToKey()}.env", string.Join('\n', variables) + "\n");

    /// <summary>Gives the next process of EdgeProxy other variables.</summary>
    public Task SetProxyEnvironmentAsync(params string[] variables) => Lab.WriteFileAsync(ProxyEnvironment, string.Join('\n', variables) + "\n");

    /// <summary>Adds lines to the slot's unit, by a drop-in.</summary>
    public async Task ChangeUnitAsync(SlotName slot, string lines)
    {
        await Lab.WriteFileAsync($"/etc/systemd/system/{UnitOf(slot)}.d/test.conf", lines);
        await SystemctlAsync("daemon-reload");
    }

    /// <summary>What EdgeProxy and the slots' units have logged last, for the message of a failed test.</summary>
    public async Task<string> JournalAsync() => (await Lab.RunAsync("journalctl", "--no-pager", "-o", "short-precise", "-n", "120")).Output;

    /// <summary>EdgeProxy's command line, run inside as its own user.</summary>
    public Task<CommandResult> EdgeProxyAsync(params string[] arguments) =>
        Lab.RunAsync(["runuser", "-u", User, "--", "env", "DOTNET_CLI_HOME=/tmp", .. Program, .. arguments]);

    public int PortOf(SlotName slot) => _ports[slot];

    public async ValueTask DisposeAsync()
    {
        Admin?.Dispose();
        await Lab.DisposeAsync();
    }

    private static string? NativeBinary => Environment.GetEnvironmentVariable("EDGEPROXY_BINARY") is { Length: > 0 } binary ? binary : null;

    /// <summary>The command line of EdgeProxy inside.</summary>
    public static IReadOnlyList<string> Program => NativeBinary is { } binary
        ? [$"{NativeInside}/{Path.GetFileName(binary)}"]
        : ["/opt/dotnet/dotnet", $"{SystemdLab.TestsInside}/edgeproxy.dll"];

    private async Task InstallAppAsync(AppUnits units)
    {
        _ = (await Lab.RunAsync("cp", "-r", $"{SystemdLab.TestsInside}/django", "/srv/app")).Text;
        foreach (var slot in SlotNameExtensions.All)
        {
            await SetEnvironmentAsync(slot);
            await Lab.WriteFileAsync($"/etc/systemd/system/{UnitOf(slot)}", AppUnit(slot, units));
        }

        await SystemctlAsync("daemon-reload");
    }

    private async Task StartProxyAsync(string settings, string? mountState)
    {
        await InstallProxyAsync(settings);
        if (mountState is not null)
        {
            _ = (await Lab.RunAsync("mkdir", "-p", State)).Text;
            _ = (await Lab.RunAsync("mount", "-t", "tmpfs", "-o", $"{mountState},uid={User},gid={User}", "tmpfs", State)).Text;
        }

        await SystemctlAsync("start", ProxySocket, Proxy);
        Admin = NewAdmin();
    }

    private async Task InstallProxyAsync(string settings)
    {
        _ = (await Lab.RunAsync("useradd", "--system", "--no-create-home", "--groups", "systemd-journal", User)).Text;
        await Lab.WriteFileAsync(Config, Settings(settings));
        await Lab.WriteFileAsync(
            "/etc/polkit-1/rules.d/49-edgeproxy.rules",
            (await Lab.RunAsync(["env", "DOTNET_CLI_HOME=/tmp", .. Program, "polkit-rule", "--config", Config])).Text);
        await Lab.WriteFileAsync($"/etc/systemd/system/{ProxySocket}", SocketUnit);
        await Lab.WriteFileAsync($"/etc/systemd/system/{Proxy}", ProxyUnit);
        await SystemctlAsync("daemon-reload");
    }

    private string AppUnit(SlotName slot, AppUnits units) => $"""
        [Unit]
        Description=Product server ({slot.ToKey()})
        StartLimitIntervalSec=0

        [Service]
        Type=notify
        User=www-data
        WorkingDirectory=/srv/app
        Environment=SLOT={slot.ToKey()} PYTHONDONTWRITEBYTECODE=1
        EnvironmentFile=/etc/app/{slot.ToKey()}.env
        ExecStart=/usr/bin/gunicorn --preload --workers {units.Workers} {(units.Threads is { } threads ? $"--threads {threads} --keep-alive 75" : "")} \
            --bind 127.0.0.1:{_ports[slot]} --timeout 120 --graceful-timeout 10 sample.wsgi
        Restart=on-failure
        RestartSec=10
        KillSignal={units.KillSignal}
        KillMode=mixed
        TimeoutStopSec=40

        """;

    private string SocketUnit => $"""
        [Socket]
        ListenStream={Public.Authority}
        FileDescriptorName=http
        Service={Proxy}
        Backlog=4096

        """;

    private static string ProxyUnit => $"""
        [Unit]
        StartLimitIntervalSec=0

        [Service]
        Type=notify
        User={User}
        Environment=DOTNET_CLI_HOME=/tmp
        EnvironmentFile=-{ProxyEnvironment}
        ExecStart={string.Join(' ', Program)} run --config {Config}
        ExecReload=/bin/kill -HUP $MAINPID
        RuntimeDirectory=edgeproxy
        StateDirectory=edgeproxy
        WatchdogSec=30
        TimeoutStopSec=60
        LogRateLimitIntervalSec=0
        NoNewPrivileges=yes
        ProtectSystem=strict
        PrivateTmp=yes

        """;

    private string Settings(string more) => $$"""
        {
          "AllowedHosts": "api.example.com;127.0.0.1",
          "EdgeProxy": {
            {{(more.Contains("\"Switch\"", StringComparison.Ordinal) ? "" : """ "Switch": { "Observe": "00:00:00" }, """)}}
            {{more}}
            "Slots": {
              "Blue": { "Address": "http://127.0.0.1:{{_ports[SlotName.Blue]}}", "Unit": "{{UnitOf(SlotName.Blue)}}" },
              "Green": { "Address": "http://127.0.0.1:{{_ports[SlotName.Green]}}", "Unit": "{{UnitOf(SlotName.Green)}}" }
            },
            "Admin": { "Url": "http://127.0.0.1:{{_adminPort.ToString(CultureInfo.InvariantCulture)}}" },
            "AccessLog": { "Format": "None" }
          }
        }
        """;

    private async Task<bool> IsHealthyAsync()
    {
        using var client = new HttpClient { BaseAddress = Public };
        try
        {
            using var response = await client.GetAsync("/v1/config/feature-flags/", TestContext.Current.CancellationToken);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false; // not there yet
        }
    }

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage response)
    {
        using var json = await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync());
        return json.RootElement.Clone();
    }
}

internal static class SwitchJson
{
    public static string? Outcome(this JsonElement @switch) => @switch.GetProperty("outcome").GetString();

    public static string Reason(this JsonElement @switch) => @switch.GetProperty("reason").GetString() ?? "";

    public static string Log(this JsonElement @switch) => string.Join('\n', @switch.GetProperty("unitLog").EnumerateArray().Select(line => line.GetString()));

    public static JsonElement Phase(this JsonElement @switch, SwitchPhase phase) =>
        @switch.GetProperty("phases").EnumerateArray().Single(run => run.GetProperty("phase").GetString() == phase.ToString());

    public static TimeSpan Duration(this JsonElement run) => TimeSpan.Parse(run.GetProperty("duration").GetString()!, CultureInfo.InvariantCulture);

    public static DateTimeOffset StartedAt(this JsonElement run) => run.GetProperty("startedAt").GetDateTimeOffset();
}
