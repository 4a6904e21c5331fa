using System.Net;
using System.Threading.Channels;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Proxying;

public sealed class EventStreamDrainTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_silent_stream_ends_behind_its_last_event()
    {
        var script = Channel.CreateUnbounded<string>();
        await using var app = await StreamAsync(script.Reader);
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var reader = await OpenAsync(proxy, script, "data: 1\n\n");

        proxy.Slots.Active.EndLeases();

        Assert.Equal("", await reader.ReadToEndAsync(Cancellation).Within()); // an end of body: a cut one would throw
        await proxy.Slots.Active.WaitIdleAsync(Cancellation);
        Assert.Equal(0, proxy.Slots.Active.Errors);
    }

    [Theory]
    [InlineData("text/event-stream", "data: 1\n\n", "data: 2\n", "\ndata: 3\n\ndata: 4", "data: 2\n\ndata: 3\n\n")]
    [InlineData("application/x-ndjson", "1\n", "{\"a\":", "2}\n{", "{\"a\":2}\n")]
    public async Task An_event_under_way_is_finished_and_what_has_arrived_whole_is_passed_on(string type, string first, string begun, string rest, string seen)
    {
        var script = Channel.CreateUnbounded<string>();
        await using var app = await StreamAsync(script.Reader, type);
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var reader = await OpenAsync(proxy, script, first + begun);
        var text = reader.ReadToEndAsync(Cancellation);

        proxy.Slots.Active.EndLeases();
        Assert.False(text.IsCompleted);
        script.Writer.TryWrite(rest);

        Assert.Equal(seen[begun.Length..], await text.Within());
    }

    [Fact]
    public async Task An_event_that_never_ends_is_cut_after_2_s()
    {
        var time = new FakeTimeProvider();
        var script = Channel.CreateUnbounded<string>();
        await using var app = await StreamAsync(script.Reader);
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", time);
        using var reader = await OpenAsync(proxy, script, "data: 1");
        var rest = reader.ReadToEndAsync(Cancellation);

        proxy.Slots.Active.EndLeases();
        time.Advance(RequestCancellation.Grace - TimeSpan.FromMilliseconds(1));
        Assert.False(rest.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(1));

        await Assert.ThrowsAnyAsync<IOException>(() => rest.Within());
        await proxy.Slots.Active.WaitIdleAsync(Cancellation);
    }

    /// <summary>It was taken for an ordinary request until its response began.</summary>
    [Fact]
    public async Task A_stream_outlives_the_deadline_of_ordinary_requests()
    {
        var script = Channel.CreateUnbounded<string>();
        await using var app = await StreamAsync(script.Reader);
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var reader = await OpenAsync(proxy, script, "data: 1\n\n");
        var leases = proxy.Slots.Active.TakeLeases();

        End(LeaseClass.Http);
        script.Writer.TryWrite("data: 2\n\n");
        Assert.Equal("data: 2", await reader.ReadLineAsync(Cancellation).Within());
        End(LeaseClass.Stream);

        Assert.Equal("\n", await reader.ReadToEndAsync(Cancellation).Within());

        void End(LeaseClass @class)
        {
            for (var wave = 0; wave < LeaseCancellations.Waves; wave++)
            {
                leases.End(@class, wave);
            }
        }
    }

    [Fact]
    public async Task A_stream_of_a_stated_length_is_cut_at_its_deadline()
    {
        var script = Channel.CreateUnbounded<string>();
        await using var app = await StreamAsync(script.Reader, contentLength: 100);
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1");
        using var reader = await OpenAsync(proxy, script, "data: 1\n\n");
        Assert.Equal(new InFlight(0, 1, 0), proxy.Slots.Active.InFlight);

        proxy.Slots.Active.EndLeases();

        await Assert.ThrowsAnyAsync<IOException>(() => reader.ReadToEndAsync(Cancellation).Within());
        await proxy.Slots.Active.WaitIdleAsync(Cancellation);
    }

    [Fact]
    public async Task A_stream_that_has_not_begun_gets_503_and_the_setting_is_named()
    {
        var arrived = new TaskCompletionSource();
        await using var app = await Backend.StartAsync(async context =>
        {
            arrived.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", options => options.Switch.StreamPaths = ["/poll"]);
        var inFlight = proxy.Client.GetAsync("/poll", Cancellation);
        await arrived.Task.Within();

        proxy.Slots.Active.EndLeases();

        using var response = await inFlight;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Contains("Switch:StreamDrainTimeout", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_the_proxy_stops_streams_end_at_once()
    {
        var script = Channel.CreateUnbounded<string>();
        await using var app = await StreamAsync(script.Reader);
        await using var proxy = await DataPlane.StartAsync(app.Address, "http://127.0.0.1:1", options => options.Shutdown.DrainTimeout = TimeSpan.FromHours(1));
        using var reader = await OpenAsync(proxy, script, "data: 1\n\n");

        var stopped = proxy.StopAsync();

        Assert.Equal("", await reader.ReadToEndAsync(Cancellation).Within());
        await stopped.WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);
    }

    /// <summary>Writes what the test says, piece by piece, until it is aborted.</summary>
    private static Task<Backend> StreamAsync(ChannelReader<string> script, string type = "text/event-stream", long? contentLength = null) =>
        Backend.StartAsync(async context =>
    {
        context.Response.ContentType = type;
        context.Response.ContentLength = contentLength;
        await foreach (var piece in script.ReadAllAsync(context.RequestAborted))
        {
            await context.Response.WriteAsync(piece, context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    });

    /// <summary>Asks, as one who does not say that it expects a stream, and reads the beginning.</summary>
    private static async Task<StreamReader> OpenAsync(DataPlane proxy, Channel<string> script, string beginning)
    {
        script.Writer.TryWrite(beginning);
        var reader = new StreamReader(await proxy.Client.GetStreamAsync("/", Cancellation));
        var read = new char[beginning.Length];
        await reader.ReadBlockAsync(read, Cancellation);
        Assert.Equal(beginning, new string(read));
        return reader;
    }
}
