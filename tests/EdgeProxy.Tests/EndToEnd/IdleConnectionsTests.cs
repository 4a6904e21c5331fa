using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using EdgeProxy.Processes;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>Many clients that are connected and do nothing for the moment, while the version behind them is replaced. The proxy and the apps are processes of
/// their own.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class IdleConnectionsTests : IAsyncLifetime
{
    private const int KeptAlive = 5_000;
    private const int WebSockets = 2_000;
    private const int AtATime = 50;

    /// <summary>A text frame "hi" as a client sends it, with a mask of zeros, and as it comes back.</summary>
    private const string Hi = "\u0081\u0082\0\0\0\0hi";
    private const string HiAgain = "\u0081\u0002hi";

    /// <summary>A Close frame of a client, status 1000, and the app's own.</summary>
    private const string Bye = "\u0088\u0082\0\0\0\0\u0003\u00e8";
    private const string ByeAgain = "\u0088\u0002\u0003\u00e8";

    private readonly TemporaryDirectory _directory = new();
    private readonly int _port = Backend.FreePort();
    private readonly HttpClient _admin = new() { BaseAddress = new Uri($"http://127.0.0.1:{Backend.FreePort()}"), Timeout = Timeout.InfiniteTimeSpan };
    private readonly List<RawClient> _clients = [];
    private CommandProcess? _proxy;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var settings = _directory["appsettings.json"];
        await File.WriteAllTextAsync(settings, Settings(), Cancellation);
        _proxy = CommandProcess.Start("run", "--config", settings);
        await Eventually.TrueAsync(IsReadyAsync, "the app is served");
        _admin.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", (await File.ReadAllTextAsync(_directory["admin.token"], Cancellation)).Trim());
    }

    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        if (_proxy is not null)
        {
            await _proxy.TerminateAsync(); // and its children with it
            _proxy.Dispose();
        }

        _admin.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task They_stay_connected_through_a_switch()
    {
        Assert.SkipWhen(DescriptorsAllowed() < 12_000, "needs 12,000 descriptors a process: ulimit -Hn");
        var before = Memory();
        var keptAlive = await ConnectAsync(KeptAlive, client => AskAsync(client, SlotName.Blue));
        var webSockets = await ConnectAsync(WebSockets, UpgradeAsync);
        var connected = Memory();

        using var begun = await _admin.PostAsync("/switch?wait=false", null, Cancellation);
        Assert.Equal(202, (int)begun.StatusCode);
        await Eventually.TrueAsync(async () => (await StatusAsync()).GetProperty("switch") is { ValueKind: JsonValueKind.Object } running
            && running.GetProperty("phase").GetString() == nameof(SwitchPhase.Drain), "the old slot is drained");

        // Every one of them, while blue waits for its WebSockets.
        var started = TimeProvider.System.GetTimestamp();
        await ForEachAsync(keptAlive, client => AskAsync(client, SlotName.Green));
        await ForEachAsync(webSockets, EchoAsync);
        var served = TimeProvider.System.GetElapsedTime(started);
        var status = await StatusAsync();
        Assert.Equal(WebSockets, status.GetProperty("slots").GetProperty("blue").GetProperty("inFlight").GetProperty("webSocket").GetInt32());

        await ForEachAsync(webSockets, async client =>
        {
            await client.SendAsync(Bye);
            Assert.Equal(ByeAgain, await client.ReadAsync(ByeAgain.Length));
        });
        await Eventually.TrueAsync(async () => (await StatusAsync()).GetProperty("switch").ValueKind == JsonValueKind.Null, "the switch has ended");
        Assert.Equal(nameof(SwitchOutcome.Completed), (await StatusAsync()).GetProperty("lastSwitch").Outcome());

        Figures.Report(
            $"{KeptAlive} idle keep-alive and {WebSockets} idle WebSocket connections through a switch: none lost; the proxy's resident memory went from " +
                $"{before >> 20} to {connected >> 20} MB "
            + $"({(connected - before) / (KeptAlive + WebSockets) >> 10} KB a connection); each served once more within {served.TotalSeconds:F1} s");
    }

    private async Task<List<RawClient>> ConnectAsync(int count, Func<RawClient, Task> greet)
    {
        var connected = new List<RawClient>(count);
        foreach (var _ in Enumerable.Range(0, count))
        {
            var client = new RawClient(bufferSize: 1024);
            _clients.Add(client);
            connected.Add(client);
        }

        await ForEachAsync(connected, async client =>
        {
            await client.ConnectAsync(_port);
            await greet(client);
        });
        return connected;
    }

    private static Task ForEachAsync(List<RawClient> clients, Func<RawClient, Task> act) =>
        Parallel.ForEachAsync(
            clients, new ParallelOptions { MaxDegreeOfParallelism = AtATime, CancellationToken = Cancellation }, async (client, _) => await act(client));

    private static async Task AskAsync(RawClient client, SlotName slot)
    {
        await client.SendAsync("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
        var response = await client.ReadResponseAsync();
        Assert.Equal((200, slot.ToKey()), (response?.Status, response?.Headers["X-Slot"]));
    }

    private static async Task UpgradeAsync(RawClient client)
    {
        await client.SendAsync(
            "GET /ws HTTP/1.1\r\nHost: api.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
                "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        Assert.Equal(101, (await client.ReadResponseAsync())?.Status);
        await EchoAsync(client);
    }

    private static async Task EchoAsync(RawClient client)
    {
        await client.SendAsync(Hi);
        Assert.Equal(HiAgain, await client.ReadAsync(HiAgain.Length));
    }

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            using var ready = await _admin.GetAsync("/readyz", Cancellation);
            return ready.IsSuccessStatusCode && (await StatusAsync()).GetProperty("slots").GetProperty("blue").GetProperty("health").GetString() == "Healthy";
        }
        catch (HttpRequestException)
        {
            return false; // not there yet
        }
    }

    private async Task<JsonElement> StatusAsync()
    {
        using var json = JsonDocument.Parse(await _admin.GetStringAsync("/status", Cancellation));
        return json.RootElement.Clone();
    }

    /// <summary>The proxy's, in bytes.</summary>
    private long Memory() => Number("VmRSS", $"/proc/{_proxy!.Id}/status") * 1024;

    private static long DescriptorsAllowed() => Number("Max open files", "/proc/self/limits", column: 1);

    private static long Number(string line, string file, int column = 0) => long.Parse(
        File.ReadLines(file).First(text => text.StartsWith(line, StringComparison.Ordinal))[(line.Length + 1)..]
            .Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[column],
        CultureInfo.InvariantCulture);

    private string Settings() => $$"""
        {
          "Kestrel": { "Endpoints": { "Http": { "Url": "http://127.0.0.1:{{_port}}" } }, "Limits": { "KeepAliveTimeout": "00:10:00" } },
          "EdgeProxy": {
            "Slots": {
              "Blue": { "Address": "http://127.0.0.1:{{Backend.FreePort()}}" },
              "Green": { "Address": "http://127.0.0.1:{{Backend.FreePort()}}" }
            },
            "Units": { "Manager": "Process", "Process": { "Command": "{{ChildLauncher.OwnExecutable}} sample-backend --port {port} --slot {slot}" } },
            "Switch": { "Observe": "00:00:00", "StreamDrainTimeout": "00:05:00" },
            "Admin": { "Socket": "{{_directory["admin.sock"]}}", "Url": "{{_admin.BaseAddress!.GetLeftPart(UriPartial.Authority)}}", "TokenFile": "{{_directory["admin.token"]}}" },
            "State": { "Directory": "{{_directory["state"]}}" },
            "AccessLog": { "Format": "None" }
          }
        }
        """;
}
