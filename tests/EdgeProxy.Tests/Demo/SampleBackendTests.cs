using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Demo;

public sealed class SampleBackendTests : IAsyncLifetime
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { Expect100ContinueTimeout = Eventually.Patience });
    private Sample _sample = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _sample = await Sample.StartAsync(SlotName.Green);
        _http.BaseAddress = new Uri(_sample.Url);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _sample.DisposeAsync();
    }

    [Theory]
    [InlineData("/", 200, "\"slot\":\"green\"")]
    [InlineData("/v1/config/feature-flags/", 200, "\"sample\":true")]
    [InlineData("/slow?ms=1", 200, "slow")]
    [InlineData("/status/503", 503, "")]
    [InlineData("/headers?a=%2F", 200, "\"target\":\"/headers?a=%2F\"")]
    [InlineData("/nothing", 404, "")]
    public async Task Every_response_names_its_slot(string target, int status, string part)
    {
        using var response = await _http.GetAsync(target, Cancellation);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(["green"], response.Headers.GetValues("X-Slot"));
        Assert.Contains(part, await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_is_hashed_whole()
    {
        var body = RandomNumberGenerator.GetBytes(200_000);

        using var response = await _http.PostAsync("/hash", new ByteArrayContent(body), Cancellation);

        using var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(body)), json.RootElement.GetProperty("sha256").GetString());
        Assert.Equal(body.Length, json.RootElement.GetProperty("length").GetInt64());
    }

    [Fact]
    public async Task Stopping_finishes_a_request_and_ends_an_event_stream_between_events()
    {
        using var events = await _http.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead, Cancellation);
        using var body = new GatedContent();
        using var upload = new HttpRequestMessage(HttpMethod.Post, "/hash") { Content = body };
        upload.Headers.ExpectContinue = true; // so that the app has the request when the body is asked for
        var uploading = _http.SendAsync(upload, Cancellation);
        await body.Asked.WaitAsync(Cancellation);
        using var reader = new StreamReader(await events.Content.ReadAsStreamAsync(Cancellation));
        Assert.Equal("event: tick", await reader.ReadLineAsync(Cancellation).Within());

        var stopped = _sample.StopAsync();

        Assert.EndsWith("\n\n", "\n" + await reader.ReadToEndAsync(Cancellation).Within(), StringComparison.Ordinal);
        Assert.False(uploading.IsCompleted);
        body.Open();
        using var response = await uploading;
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await stopped;
    }

    [Fact]
    public async Task A_web_socket_echoes()
    {
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri(_sample.Url.Replace("http", "ws", StringComparison.Ordinal) + "/ws"), Cancellation);
        await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, Cancellation);
        var buffer = new byte[16];

        var echo = await socket.ReceiveAsync(buffer, Cancellation).Within();
        Assert.Equal("hello"u8, buffer.AsSpan(0, echo.Count));

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
        Assert.Equal(WebSocketState.Closed, socket.State);
    }

    /// <summary>A body that is sent when the gate is opened.</summary>
    private sealed class GatedContent : HttpContent
    {
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Asked => _asked.Task;

        public void Open() => _open.SetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            _asked.TrySetResult();
            await _open.Task.Within();
            await stream.WriteAsync("body"u8.ToArray(), Cancellation);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 4;
            return true;
        }
    }
}
