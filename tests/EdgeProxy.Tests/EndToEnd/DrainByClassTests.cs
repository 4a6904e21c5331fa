using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>What takes long is in flight while a switch runs: a download keeps its slot to its end, an upload that is still coming has none yet, streams and
/// WebSockets keep theirs up to their deadline and end in order.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class DrainByClassTests
{
    private const string ShortStreams = """ "Switch": { "Observe": "00:00:00", "StreamDrainTimeout": "00:00:04" }, """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Gunicorn_finishes_a_download_its_event_stream_ends_between_events_and_an_upload_goes_to_the_new_slot()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync(new AppUnits(Workers: 2, Threads: 4), ShortStreams);
        using var client = new HttpClient { BaseAddress = vps.Public };
        using var follower = await SwitchFollower.FollowAsync(vps);
        var body = RandomNumberGenerator.GetBytes(200_000);
        using var upload = new GatedUpload(body);
        var uploaded = client.PostAsync("/hash", upload, Cancellation);
        await upload.HalfSent;
        var downloaded = client.GetByteArrayAsync("/download?ms=6000", Cancellation);
        var events = EventsAsync(client);
        await EverythingIsInFlightAsync(vps, http: 1, stream: 1);

        var running = vps.SwitchAsync();
        await follower.BeginsAsync(SwitchPhase.Drain);
        var whoIsNew = await client.GetAsync("/", Cancellation);
        var stream = await events; // it ends before the upload goes on
        upload.SendTheRest();

        using var response = await uploaded;
        using var hash = JsonDocument.Parse(await response.Content.ReadAsStreamAsync(Cancellation));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(body)), hash.RootElement.GetProperty("sha256").GetString());
        Assert.Equal(1_000_000, (await downloaded).Length);
        Assert.EndsWith("\n\n", stream, StringComparison.Ordinal);
        Assert.StartsWith("event: tick\ndata: 0\n\nevent: tick\ndata: 1\n\n", stream, StringComparison.Ordinal);
        Assert.Equal(["green", "green"], [response.Headers.GetValues("X-Slot").Single(), whoIsNew.Headers.GetValues("X-Slot").Single()]);
        var (_, ended) = await running;
        Assert.Equal(nameof(SwitchOutcome.Completed), ended.Outcome());
        Assert.Contains(
            "2 requests were in flight; 1 streams and WebSockets were closed in order",
            ended.Phase(SwitchPhase.Drain).GetProperty("detail").GetString(),
            StringComparison.Ordinal);
    }

    /// <summary>gunicorn speaks no WebSocket: the units run an app that does.</summary>
    [Fact]
    public async Task A_WebSocket_goes_on_while_its_slot_is_drained_and_is_told_to_go_at_its_deadline()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync(settings: ShortStreams);
        foreach (var slot in SlotNameExtensions.All)
        {
            await vps.ChangeUnitAsync(slot, $"""
                [Service]
                Type=exec
                Environment=DOTNET_CLI_HOME=/tmp
                ExecStart=
                ExecStart={string.Join(' ', Vps.Program)} sample-backend --port {vps.PortOf(slot)} --slot {slot.ToKey()}

                """);
        }

        await vps.SystemctlAsync("restart", Vps.UnitOf(SlotName.Blue));
        using var client = new HttpClient { BaseAddress = vps.Public };
        _ = await client.GetStringAsync("/", Cancellation); // held until it is up
        using var follower = await SwitchFollower.FollowAsync(vps);
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new UriBuilder(vps.Public) { Scheme = "ws", Path = "/ws" }.Uri, Cancellation);
        Assert.Equal("before", await EchoAsync(socket, "before"));
        var download = client.GetByteArrayAsync("/download?ms=3000", Cancellation);
        await EverythingIsInFlightAsync(vps, http: 1, webSocket: 1);

        var running = vps.SwitchAsync();
        await follower.BeginsAsync(SwitchPhase.Drain);
        Assert.Equal("during", await EchoAsync(socket, "during"));
        var farewell = await socket.ReceiveAsync(new byte[16].AsMemory(), Cancellation).Within();

        Assert.Equal((WebSocketMessageType.Close, WebSocketCloseStatus.EndpointUnavailable), (farewell.MessageType, socket.CloseStatus)); // 1001, going away
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
        Assert.Equal(1_000_000, (await download).Length);
        var (_, ended) = await running;
        Assert.Equal(nameof(SwitchOutcome.Completed), ended.Outcome());
        using var again = new ClientWebSocket();
        await again.ConnectAsync(new UriBuilder(vps.Public) { Scheme = "ws", Path = "/ws" }.Uri, Cancellation);
        Assert.Equal("after", await EchoAsync(again, "after"));
    }

    private static Task EverythingIsInFlightAsync(Vps vps, int http, int stream = 0, int webSocket = 0) => Eventually.TrueAsync(
        async () =>
        {
            var inFlight = (await vps.GetAsync("/status")).GetProperty("slots").GetProperty("blue").GetProperty("inFlight");
            return (http, stream, webSocket) == (
                inFlight.GetProperty("http").GetInt32(), inFlight.GetProperty("stream").GetInt32(), inFlight.GetProperty("webSocket").GetInt32());
        },
        "everything is in flight");

    /// <summary>All of it, to its end; an end that is none is an exception.</summary>
    private static Task<string> EventsAsync(HttpClient client) => client.GetStringAsync("/events", Cancellation);

    private static async Task<string> EchoAsync(ClientWebSocket socket, string text)
    {
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, Cancellation);
        var buffer = new byte[64];
        var echo = await socket.ReceiveAsync(buffer.AsMemory(), Cancellation).Within();
        return Encoding.UTF8.GetString(buffer, 0, echo.Count);
    }
}
