using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>The proxy as its shipped units run it, restarted in every way while clients come over HTTP and HTTPS: nobody is refused, and nothing that ends in
/// time fails.</summary>
[Collection(ServiceLifeCollection.Name)]
public sealed class RestartTests(RestartTests.Machine machine) : IClassFixture<RestartTests.Machine>
{
    /// <summary>One machine for all.</summary>
    public sealed class Machine : IAsyncLifetime
    {
        private ShippedSite? _site;

        public ShippedSite Site => _site ?? throw new InvalidOperationException("call Assert.SkipWhen(SystemdLab.SkipReason ...) first");

        public async ValueTask InitializeAsync() => _site = SystemdLab.SkipReason is null ? await ShippedSite.StartAsync(DrainSettings) : null;

        public ValueTask DisposeAsync() => _site?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(6);

    /// <summary>
    /// As in the shipped units. A gunicorn that is told to stop while a worker has been forked, but does not handle signals yet, waits that long for it: the
    /// worker has its master's handlers until then, which keep the signal for a loop that runs in the master only.
    /// </summary>
    private static readonly TimeSpan GracefulTimeout = TimeSpan.FromSeconds(120);

    private static string DrainSettings => $$"""
        "Shutdown": { "DrainTimeout": "{{DrainTimeout:c}}" },
        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Restarts_in_a_row_refuse_nobody_and_lose_nothing()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var clients = new Crowd(machine.Site);
        await clients.MoreAsync();

        const int Restarts = 20;
        var longestRestart = TimeSpan.Zero;
        for (var i = 0; i < Restarts; i++)
        {
            var started = TimeProvider.System.GetTimestamp();
            await machine.Site.SystemctlAsync("restart", ShippedSite.Proxy);
            var took = TimeProvider.System.GetElapsedTime(started);
            longestRestart = took > longestRestart ? took : longestRestart;
            await clients.MoreAsync();
        }

        await clients.AssertNobodyFailedAsync($"{Restarts} restarts of the proxy by its shipped units, the longest {longestRestart.TotalSeconds:F2} s");
    }

    /// <summary>Each is a new process, which systemd has for the unit's main one; the end of the unit ends all of them.</summary>
    [Fact]
    public async Task Reloads_are_new_processes_and_are_not_noticed()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var site = machine.Site;
        await using var clients = new Crowd(site);
        await clients.MoreAsync();

        const int Reloads = 10;
        var pids = new HashSet<string> { await site.ShowAsync(ShippedSite.Proxy, "MainPID") };
        for (var i = 0; i < Reloads; i++)
        {
            await site.SystemctlAsync("reload", ShippedSite.Proxy);
            await Eventually.TrueAsync(
                async () => !pids.Contains(await site.ShowAsync(ShippedSite.Proxy, "MainPID")), "systemd knows the new main process");
            var main = await site.ShowAsync(ShippedSite.Proxy, "MainPID");
            pids.Add(main);
            Assert.Equal(main, (await site.StatusAsync()).GetProperty("pid").GetInt32().ToString(CultureInfo.InvariantCulture));
        }

        await clients.MoreAsync();
        await site.SystemctlAsync("restart", ShippedSite.Proxy);
        await clients.MoreAsync();
        await clients.AssertNobodyFailedAsync($"{Reloads} reloads of the proxy, and a restart");
        Assert.Equal("0", await site.ShowAsync(ShippedSite.Proxy, "NRestarts"));

        await site.SystemctlAsync("reload", ShippedSite.Proxy);
        await site.SystemctlAsync("stop", ShippedSite.Proxy);
        Assert.NotEqual(0, (await site.Lab.RunAsync("pgrep", "-u", "edgeproxy", "-x", "edgeproxy")).ExitCode);
        await site.SystemctlAsync("start", ShippedSite.Proxy);
    }

    [Fact]
    public async Task A_restart_in_the_middle_of_a_switch_loses_nothing()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var site = machine.Site;
        await using var clients = new Crowd(site);
        await clients.MoreAsync();

        foreach (var phase in (string[])["Probe", "Observe", "Drain"])
        {
            await site.RunAsync("edgeproxy", "switch", "--no-wait");
            await Eventually.TrueAsync(
                async () => File.Exists($"{site.Lab.Root}/var/lib/edgeproxy/{SwitchCheckpointFile.FileName}")
                    && (await site.StatusAsync()).GetProperty("switch").GetProperty("phase").GetString() is { } now && (now == phase || now == "StopOld"),
                $"the switch is in {phase}");
            await site.SystemctlAsync("restart", ShippedSite.Proxy);
            await Eventually.TrueAsync(
                () => !File.Exists($"{site.Lab.Root}/var/lib/edgeproxy/{SwitchCheckpointFile.FileName}"),
                "the switch is concluded",
                GracefulTimeout + Eventually.Patience);
            await clients.MoreAsync();
        }

        await clients.AssertNobodyFailedAsync("3 restarts of the proxy in the middle of a switch");
    }

    /// <summary>As a package manager does it: the file is replaced, and the unit restarted. The state is the other build's each time.</summary>
    [Fact]
    public async Task Upgrades_and_downgrades_refuse_nobody_and_lose_nothing()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        Assert.SkipWhen(ShippedSite.Builds.Count < 2, "needs a second build: EDGEPROXY_BINARY, or EDGEPROXY_OTHER_BINARY");
        var site = machine.Site;
        await using var clients = new Crowd(site);
        await clients.MoreAsync();
        List<string> versions = [];
        try
        {
            for (var i = 0; i < 2 * ShippedSite.Builds.Count; i++)
            {
                await site.InstallBinaryAsync(ShippedSite.Builds[i % ShippedSite.Builds.Count]);
                await site.SystemctlAsync("restart", ShippedSite.Proxy);
                await clients.MoreAsync();
                var switched = await site.RunAsync("edgeproxy", "switch", "--label", $"deploy {i}"); // its history has lines of each
                Assert.Contains("Completed", switched, StringComparison.Ordinal);
                versions.Add((await site.StatusAsync()).GetProperty("version").GetString()!);
            }

            var history = await site.GetAsync("/switches");
            Assert.Equal(
                Enumerable.Range(0, versions.Count).Reverse().Select(i => $"deploy {i} Completed"),
                history.GetProperty("switches").EnumerateArray().Take(versions.Count)
                    .Select(each => $"{each.GetProperty("label").GetString()} {each.GetProperty("outcome").GetString()}"));
            await clients.AssertNobodyFailedAsync($"{versions.Count} times another build ({string.Join(", ", versions)}), with a restart and a switch each");
        }
        finally
        {
            await site.InstallBinaryAsync(ShippedSite.Builds.Contains(ProxyBuild.Native) ? ProxyBuild.Native : ProxyBuild.Managed);
            await site.SystemctlAsync("restart", ShippedSite.Proxy);
        }
    }

    /// <summary>Settings that are wrong keep it from starting; clients wait, and the next restart serves them.</summary>
    [Fact]
    public async Task Wrong_settings_close_no_port_and_are_repaired_by_a_restart()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var site = machine.Site;
        await site.Lab.WriteFileAsync("/etc/edgeproxy/appsettings.json", "{ \"EdgeProxy\": { \"Slotz\": {} } }");
        Assert.NotEqual(0, (await site.Lab.RunAsync("systemctl", "restart", ShippedSite.Proxy)).ExitCode);
        var waiting = Enumerable.Range(0, 8).Select(async _ =>
        {
            using var client = site.NewClient("http");
            using var response = await client.GetAsync("/", Cancellation);
            return response.StatusCode;
        }).ToList();
        await Eventually.TrueAsync(
            async () => int.Parse(await site.ShowAsync(ShippedSite.Proxy, "NRestarts"), CultureInfo.InvariantCulture) > 3, "it has been tried again and again");

        await site.WriteSettingsAsync(DrainSettings);
        await site.SystemctlAsync("restart", ShippedSite.Proxy);

        Assert.All(await Task.WhenAll(waiting), status => Assert.Equal(HttpStatusCode.OK, status));
    }

    /// <summary>What had been accepted is lost with the process; what waits in the sockets is not, and nobody is refused.</summary>
    [Fact]
    public async Task Killed_it_is_back_by_itself_and_nobody_is_refused()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var site = machine.Site;
        var clients = site.StartClients();
        List<DateTimeOffset> kills = [];

        for (var i = 0; i < 3; i++)
        {
            var enough = clients.Sum(load => load.Shots.Count) + 100;
            await Eventually.TrueAsync(() => clients.Sum(load => load.Shots.Count) >= enough, "clients are served");
            var pid = await site.ShowAsync(ShippedSite.Proxy, "MainPID");
            await site.SystemctlAsync("kill", "--signal=KILL", ShippedSite.Proxy);
            kills.Add(TimeProvider.System.GetUtcNow());
            await Eventually.TrueAsync(
                async () => await site.ShowAsync(ShippedSite.Proxy, "ActiveState") == "active" && await site.ShowAsync(ShippedSite.Proxy, "MainPID") != pid,
                "it is back");
        }

        var shots = (await Task.WhenAll(clients.Select(load => load.StopAsync()))).SelectMany(all => all).ToList();
        var failed = shots.Where(shot => shot.Failure is not null).ToList();
        Figures.Report(
            $"3 kills of the proxy by its shipped units: {shots.Count} requests, {failed.Count} in flight at a kill failed, 0 of the others; the longest " +
                $"took {shots.Max(shot => shot.Ended - shot.Started).TotalSeconds:F2} s");
        Assert.DoesNotContain(failed, shot => shot.Failure!.Contains("refused", StringComparison.OrdinalIgnoreCase));
        // A killed process takes a moment to let its connections go.
        Assert.All(
            failed,
            shot => Assert.True(kills.Any(kill => shot.Started <= kill + TimeSpan.FromSeconds(1) && shot.Ended >= kill - TimeSpan.FromSeconds(1)), $"{shot}"));
    }

    /// <summary>Slow requests over each protocol: within the deadline they end by themselves, beyond it they are told, not cut. systemd waits for them,
    /// whatever the unit's own time-out is.</summary>
    [Theory]
    [InlineData("http", false)]
    [InlineData("https", false)]
    [InlineData("https", true)]
    public async Task Requests_have_the_drain_timeout_to_end_and_are_told_when_it_is_over(string scheme, bool isHttp2)
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var site = machine.Site;
        await site.Lab.WriteUnitAsync($"{ShippedSite.Proxy}.d/timeout.conf", "[Service]\nTimeoutStopSec=2\n");
        using var client = site.NewClient(scheme, isHttp2);
        var beyond = client.GetAsync("/slow?ms=60000", Cancellation);
        await Eventually.TrueAsync(async () => InFlight(await site.StatusAsync()) == 1, "the long one is in flight");
        var within = client.GetAsync("/slow?ms=5000", Cancellation);
        await Eventually.TrueAsync(async () => InFlight(await site.StatusAsync()) == 2, "both are in flight");

        var began = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var started = TimeProvider.System.GetTimestamp();
        var restarted = site.SystemctlAsync("restart", ShippedSite.Proxy);
        using var served = await within;
        using var told = await beyond;
        var status = await site.AskAsync();
        var longest = TimeProvider.System.GetElapsedTime(started);
        await restarted;

        Figures.Report(
            $"A restart with a request that never ends ({scheme}{(isHttp2 ? ", HTTP/2" : "")}), Shutdown:DrainTimeout {DrainTimeout.TotalSeconds} s: a new " +
                $"request waited for {longest.TotalSeconds:F2} s");
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, told.StatusCode);
        Assert.Contains("Shutdown:DrainTimeout", await told.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.NotNull(told.Headers.RetryAfter);
        Assert.Equal("200", status);
        Assert.Equal("", await site.RunAsync("journalctl", "-u", ShippedSite.Proxy, "-q", "-p", "err", "-o", "cat", "--since", $"@{began}"));
    }

    /// <summary>gunicorn speaks no WebSocket: the units run an app that does.</summary>
    [Theory]
    [InlineData("ws", false)]
    [InlineData("wss", false)]
    [InlineData("wss", true)]
    public async Task WebSockets_are_told_to_go_and_come_back_to_the_next_process(string scheme, bool isHttp2)
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var site = machine.Site;
        await using var app = await OtherApp.StartAsync(site);
        using var invoker = site.NewInvoker();
        using var socket = (await ConnectAsync(scheme, isHttp2, invoker))!;

        var restarted = site.SystemctlAsync("restart", ShippedSite.Proxy);
        var farewell = await socket.ReceiveAsync(new byte[16], Cancellation).WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);
        await RespondToCloseAsync(socket).WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);
        ClientWebSocket? again = null; // waits in the socket; over HTTP/2 it may meet the old process once more, on the connection that is about to end
        await Eventually.TrueAsync(
            async () => (again = await ConnectAsync(scheme, isHttp2, invoker).WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation)) is not null,
            "it is served again");
        again!.Dispose();
        await restarted.WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);

        Assert.Equal((WebSocketMessageType.Close, WebSocketCloseStatus.EndpointUnavailable), (farewell.MessageType, socket.CloseStatus)); // 1001, going away
    }

    /// <summary>The app has responded to the proxy's Close, too, and with that the connection may be over.</summary>
    private static async Task RespondToCloseAsync(ClientWebSocket socket)
    {
        try
        {
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
        }
        catch (WebSocketException)
        {
        }
    }

    /// <returns>Null: it was told to go at once (1001).</returns>
    private static async Task<ClientWebSocket?> ConnectAsync(string scheme, bool isHttp2, HttpMessageInvoker invoker)
    {
        var socket = new ClientWebSocket();
        (socket.Options.HttpVersion, socket.Options.HttpVersionPolicy) = (
            isHttp2 ? HttpVersion.Version20 : HttpVersion.Version11, HttpVersionPolicy.RequestVersionExact);
        await socket.ConnectAsync(new Uri($"{scheme}://{ShippedSite.Name}/ws"), invoker, Cancellation);
        await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, Cancellation);
        var buffer = new byte[64];
        var echo = await socket.ReceiveAsync(buffer.AsMemory(), Cancellation).Within();
        if (socket.CloseStatus == WebSocketCloseStatus.EndpointUnavailable)
        {
            socket.Dispose();
            return null;
        }

        Assert.Equal("hello", Encoding.UTF8.GetString(buffer, 0, echo.Count));
        return socket;
    }

    /// <summary>The active slot runs the sample app of EdgeProxy itself; gunicorn again when disposed.</summary>
    private sealed class OtherApp(ShippedSite site, string unit) : IAsyncDisposable
    {
        public static async Task<OtherApp> StartAsync(ShippedSite site)
        {
            var slot = (await site.StatusAsync()).GetProperty("active").GetString()!;
            var unit = $"app-server-{slot}.service";
            await site.Lab.WriteUnitAsync($"{unit}.d/test.conf", $"""
                [Service]
                Type=exec
                Environment=DOTNET_CLI_HOME=/tmp
                ExecStart=
                ExecStart=/usr/bin/edgeproxy sample-backend --port {(slot == "blue" ? 8000 : 8100)} --slot {slot}

                """);
            await RestartAsync(site, unit);
            return new OtherApp(site, unit);
        }

        public async ValueTask DisposeAsync()
        {
            await site.RunAsync("rm", $"/etc/systemd/system/{unit}.d/test.conf");
            await site.SystemctlAsync("daemon-reload");
            await RestartAsync(site, unit);
        }

        /// <summary>By SIGKILL: the last test may have started it a moment ago (see <see cref="GracefulTimeout"/>), and nobody else visits.</summary>
        private static async Task RestartAsync(ShippedSite site, string unit)
        {
            await site.SystemctlAsync("kill", "--signal=KILL", unit);
            await site.SystemctlAsync("restart", unit);
            Assert.Equal("200", await site.AskAsync()); // held until it is up
        }
    }

    private static int InFlight(JsonElement status) => SlotNameExtensions.All.Sum(slot =>
        status.GetProperty("slots").GetProperty(slot.ToKey()).GetProperty("inFlight").GetProperty("http").GetInt32());

    /// <summary>Everybody who visits during a test.</summary>
    private sealed class Crowd(ShippedSite site) : IAsyncDisposable
    {
        private readonly IReadOnlyList<MixedLoad> _load = site.StartClients();

        private readonly StrictClient[] _strict =
        [
            StrictClient.Start(async cancellation => await site.Lab.ConnectAsync(80, cancellation)),
            StrictClient.Start(
                async cancellation => await TlsClient.HandshakeAsync(await site.Lab.ConnectAsync(443, cancellation), ShippedSite.Name, site.Authority.Root)),
        ];

        /// <summary>Returns when each kind has been served again.</summary>
        public async Task MoreAsync()
        {
            var before = _load.Select(load => load.Shots.Count).ToArray();
            var strictBefore = _strict.Select(client => client.Requests).ToArray();
            await Eventually.TrueAsync(
                () =>
                    _load.Zip(before).All(pair => pair.First.Shots.Count >= pair.Second + 15)
                        && _strict.Zip(strictBefore).All(pair => pair.First.Requests >= pair.Second + 3),
                "clients are served");
        }

        public async Task AssertNobodyFailedAsync(string what)
        {
            var shots = (await Task.WhenAll(_load.Select(load => load.StopAsync()))).SelectMany(all => all).ToList();
            await Task.WhenAll(_strict.Select(client => client.StopAsync()));
            var failures = shots.Select(shot => shot.Failure).OfType<string>().Concat(_strict.SelectMany(client => client.Failures)).ToList();
            Figures.Report(
                $"{what}: {shots.Count + _strict.Sum(client => client.Requests)} requests, {failures.Count} failed; the longest wait of a fast one "
                + $"{shots.Where(shot => !shot.Kind.Contains("slow", StringComparison.Ordinal)).Max(shot => shot.Ended - shot.Started).TotalSeconds:F2} s, "
                + $"of one that is never sent again {_strict.Max(client => client.Longest).TotalSeconds:F2} s");
            Assert.Empty(failures);
        }

        /// <summary>After a failure of the test itself.</summary>
        public async ValueTask DisposeAsync()
        {
            await Task.WhenAll(_load.Select(load => load.StopAsync()));
            await Task.WhenAll(_strict.Select(client => client.StopAsync()));
        }
    }
}
