using System.Net;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Proxying;

public sealed class SlotForwarderTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_next_request_after_a_flip_goes_to_the_new_slot_also_on_an_open_connection()
    {
        await using var blue = await Backend.NamedAsync("blue");
        await using var green = await Backend.NamedAsync("green");
        await using var proxy = await DataPlane.StartAsync(blue.Address, green.Address);
        Assert.Equal("blue", await proxy.Client.GetStringAsync("/", Cancellation));

        proxy.Slots.Activate(SlotName.Green);

        Assert.Equal("green", await proxy.Client.GetStringAsync("/", Cancellation));
        Assert.Equal(1, proxy.Slots[SlotName.Blue].Requests);
        Assert.Equal(1, proxy.Slots[SlotName.Green].Requests);
    }

    [Fact]
    public async Task A_request_in_flight_stays_in_its_slot_and_the_drain_waits_for_it()
    {
        var release = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        await using var blue = await Backend.StartAsync(async context =>
        {
            arrived.SetResult();
            await release.Task;
            await context.Response.WriteAsync("blue");
        });
        await using var green = await Backend.NamedAsync("green");
        await using var proxy = await DataPlane.StartAsync(blue.Address, green.Address);
        var inFlight = proxy.Client.GetStringAsync("/", Cancellation);
        await arrived.Task.Within();

        proxy.Slots.Activate(SlotName.Green);
        var drained = proxy.Slots[SlotName.Blue].WaitIdleAsync(Cancellation);

        Assert.Equal("green", await proxy.Client.GetStringAsync("/", Cancellation));
        Assert.False(drained.IsCompleted);
        Assert.Equal(new InFlight(1, 0, 0), proxy.Slots[SlotName.Blue].InFlight);
        release.SetResult();
        Assert.Equal("blue", await inFlight);
        await drained;
    }

    [Fact]
    public async Task A_request_that_outlives_the_drain_deadline_gets_503_and_why()
    {
        var arrived = new TaskCompletionSource();
        await using var blue = await Backend.StartAsync(async context =>
        {
            arrived.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        await using var proxy = await DataPlane.StartAsync(blue.Address, "http://127.0.0.1:1");
        var inFlight = proxy.Client.GetAsync("/", Cancellation);
        await arrived.Task.Within();

        proxy.Slots.Active.EndLeases();

        using var response = await inFlight;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Contains("Switch:DrainTimeout", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.NotNull(response.Headers.RetryAfter);
    }

    [Fact]
    public async Task Streams_and_web_sockets_are_counted_as_what_they_are()
    {
        var release = new TaskCompletionSource();
        await using var blue = await Backend.StartAsync(async context =>
        {
            if (context.WebSockets.IsWebSocketRequest)
            {
                using var socket = await context.WebSockets.AcceptWebSocketAsync();
                await release.Task;
                return;
            }

            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync("data: 1\n\n");
            await context.Response.Body.FlushAsync();
            await release.Task;
        });
        await using var proxy = await DataPlane.StartAsync(blue.Address, "http://127.0.0.1:1");

        using var stream = await proxy.Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead, Cancellation);
        using var socket = new System.Net.WebSockets.ClientWebSocket();
        await socket.ConnectAsync(new UriBuilder(proxy.Address) { Scheme = "ws" }.Uri, Cancellation);

        Assert.Equal(new InFlight(0, 1, 1), proxy.Slots.Active.InFlight);
        release.SetResult();
        await proxy.Slots.Active.WaitIdleAsync(Cancellation);
    }

    [Fact]
    public async Task An_event_reaches_the_client_before_the_stream_ends()
    {
        var release = new TaskCompletionSource();
        await using var blue = await Backend.StartAsync(async context =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync("data: first\n\n");
            await context.Response.Body.FlushAsync();
            await release.Task;
            await context.Response.WriteAsync("data: last\n\n");
        });
        await using var proxy = await DataPlane.StartAsync(blue.Address, "http://127.0.0.1:1");

        await using var stream = await proxy.Client.GetStreamAsync("/", Cancellation);
        using var reader = new StreamReader(stream);

        Assert.Equal("data: first", await reader.ReadLineAsync(Cancellation).Within());
        release.SetResult();
        Assert.Equal("\ndata: last\n\n", await reader.ReadToEndAsync(Cancellation).Within());
    }

    [Fact]
    public async Task Other_clusters_of_the_settings_work_beside_the_app()
    {
        await using var app = await Backend.NamedAsync("app");
        await using var other = await Backend.NamedAsync("other");
        await using var proxy = await DataPlane.StartAsync(
            app.Address,
            "http://127.0.0.1:1",
            null,
            ("ReverseProxy:Routes:docs:ClusterId", "docs"),
            ("ReverseProxy:Routes:docs:Match:Path", "/docs/{**rest}"),
            ("ReverseProxy:Clusters:docs:Destinations:one:Address", other.Address));

        Assert.Equal("other", await proxy.Client.GetStringAsync("/docs/", Cancellation));
        Assert.Equal("app", await proxy.Client.GetStringAsync("/", Cancellation));
    }

    /// <summary>A cookie that an earlier process has set keeps its meaning; without such a cluster no key is made.</summary>
    [Fact]
    public async Task The_keys_of_session_affinity_are_kept_in_the_state_directory_and_made_when_needed()
    {
        using var state = new TemporaryDirectory();
        await using var app = await Backend.NamedAsync("app");
        await using var other = await Backend.NamedAsync("other");
        await using var proxy = await DataPlane.StartAsync(
            app.Address,
            "http://127.0.0.1:1",
            options => options.State.Directory = state.Path,
            ("ReverseProxy:Routes:docs:ClusterId", "docs"),
            ("ReverseProxy:Routes:docs:Match:Path", "/docs/{**rest}"),
            ("ReverseProxy:Clusters:docs:SessionAffinity:Enabled", "true"),
            ("ReverseProxy:Clusters:docs:SessionAffinity:AffinityKeyName", "docs-affinity"),
            ("ReverseProxy:Clusters:docs:SessionAffinity:Policy", "Cookie"),
            ("ReverseProxy:Clusters:docs:Destinations:one:Address", other.Address));
        Assert.Equal("app", await proxy.Client.GetStringAsync("/", Cancellation));
        Assert.False(Directory.Exists(state["affinity-keys"]));

        using var response = await proxy.Client.GetAsync("/docs/", Cancellation);

        Assert.Contains(response.Headers.GetValues("Set-Cookie"), cookie => cookie.StartsWith("docs-affinity=", StringComparison.Ordinal));
        Assert.Single(Directory.GetFiles(state["affinity-keys"]));
    }

    [Fact]
    public async Task Slots_may_listen_on_unix_sockets()
    {
        var path = Path.Combine(Path.GetTempPath(), $"edgeproxy-{Guid.NewGuid():N}.sock");
        using var listener = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
        listener.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(path));
        listener.Listen();
        await using var proxy = await DataPlane.StartAsync($"unix:{path}", "http://127.0.0.1:1");

        var response = proxy.Client.GetStringAsync("/", Cancellation);
        using (var connection = new System.Net.Sockets.NetworkStream(await listener.AcceptAsync(Cancellation).Within(), ownsSocket: true))
        {
            await RawServer.ReadHeadAsync(connection, Cancellation);
            await RawServer.WriteAsync(connection, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nunix", Cancellation);
            Assert.Equal("unix", await response);
        }

        File.Delete(path);
    }
}
