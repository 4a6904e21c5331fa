using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json.Nodes;
using EdgeProxy.Diagnostics;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Admin;

public sealed class EventStreamTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_switch_is_followed_to_its_end()
    {
        await using var host = await AdminHost.StartAsync();
        var boot = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var start = host.Plane.Units[SlotName.Green].OnStart;
        host.Plane.Units[SlotName.Green].OnStart = async (unit, cancellation) =>
        {
            await boot.Task.WaitAsync(cancellation);
            return await start(unit, cancellation);
        };
        using var begun = await host.BySocket.PostAsync("/switch?wait=false", null, Cancellation);
        var id = (string)(await AdminHost.ReadJsonAsync(begun))["id"]!;

        using var response = await host.BySocket.GetAsync($"/events?switch={id}", HttpCompletionOption.ResponseHeadersRead, Cancellation);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        boot.SetResult();
        var events = await SseParser.Create(await response.Content.ReadAsStreamAsync(Cancellation)).EnumerateAsync(Cancellation).ToListAsync(Cancellation);

        Assert.Equal("switch", events[0].EventType);
        Assert.Null(JsonNode.Parse(events[0].Data)!["outcome"]);
        Assert.Contains(events, one => one.EventType == "phase" && (string?)JsonNode.Parse(one.Data)!["phase"] == "Flip");
        Assert.Contains(events, one => one.EventType == "probe");
        Assert.Equal(("switch", "Completed"), (events[^1].EventType, (string?)JsonNode.Parse(events[^1].Data)!["outcome"]));
    }

    [Fact]
    public async Task A_switch_that_has_ended_is_sent_once()
    {
        await using var host = await AdminHost.StartAsync();
        using var ended = await host.BySocket.PostAsync("/switch", null, Cancellation);
        var id = (string)(await AdminHost.ReadJsonAsync(ended))["id"]!;

        var text = await host.BySocket.GetStringAsync($"/events?switch={id}", Cancellation);
        Assert.Equal(1, text.Split("event: switch\n").Length - 1);
        Assert.Contains("\"outcome\":\"Completed\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_switch_is_404()
    {
        await using var host = await AdminHost.StartAsync();
        using var response = await host.BySocket.GetAsync("/events?switch=nope", Cancellation);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task A_quiet_stream_is_kept_alive()
    {
        var time = new FakeTimeProvider();
        await using var host = await AdminHost.StartAsync(host => host.Plane.Options.Health.MonitorInterval = TimeSpan.FromHours(1), time);
        using var response = await host.BySocket.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead, Cancellation);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancellation));
        Assert.Equal(": EdgeProxy events", await reader.ReadLineAsync(Cancellation).Within());

        var line = ReadUntilAsync(reader, ": keep-alive");
        await Eventually.TrueAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1)); // the wait begins some time after the first line
                return line.IsCompleted;
            },
            "a comment comes");
        Assert.True(await line);
    }

    [Fact]
    public async Task The_end_of_the_proxy_ends_a_stream()
    {
        await using var host = await AdminHost.StartAsync();
        using var response = await host.BySocket.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead, Cancellation);
        var rest = response.Content.ReadAsStringAsync(Cancellation);

        await host.Plane.StopAsync();

        Assert.StartsWith(": EdgeProxy events", await rest, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_listener_that_left_is_forgotten()
    {
        await using var host = await AdminHost.StartAsync();
        var hub = host.Plane.Get<EventHub>();
        using (var response = await host.BySocket.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead, Cancellation))
        {
            Assert.Equal(1, hub.Listeners);
        }

        await Eventually.TrueAsync(() => hub.Listeners == 0, "its subscription ends");
    }

    private static async Task<bool> ReadUntilAsync(StreamReader reader, string wanted)
    {
        while (await reader.ReadLineAsync(Cancellation).Within() is { } line)
        {
            if (line == wanted)
            {
                return true;
            }
        }

        return false;
    }
}
