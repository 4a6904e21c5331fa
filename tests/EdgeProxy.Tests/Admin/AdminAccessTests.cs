using System.Net;
using System.Net.Sockets;
using EdgeProxy.Admin;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Admin;

/// <summary>Attacks on the admin port, over real sockets. None may move traffic or see what the app wrote.</summary>
public sealed class AdminAccessTests : IAsyncLifetime
{
    /// <summary>What changes something, now and later: the method decides, so a path without an endpoint is refused all the same.</summary>
    public static TheoryData<string, string> StateChanging { get; } = new()
    {
        { "POST", "/switch" }, { "POST", "/switch?wait=false" }, { "POST", "/rollback" }, { "POST", "/pause" }, { "POST", "/resume" },
        { "POST", "/maintenance" }, { "POST", "/certificates/renew" }, { "PUT", "/switch" }, { "DELETE", "/switches/1" }, { "PATCH", "/status" },
        { "OPTIONS", "/switch" }, { "post", "/switch" }, { "POST", "/nothing" }, { "POST", "//switch" }, { "POST", "/status/../switch" },
        { "POST", "/%73witch" }, { "POST", "http://localhost/switch" },
    };

    private AdminHost _host = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _host = await AdminHost.StartAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Theory]
    [MemberData(nameof(StateChanging))]
    public async Task Without_the_token_nothing_is_changed(string method, string path) =>
        await AssertRefusedAsync(method, path, "", "401");

    [Theory]
    [InlineData("Authorization: Bearer wrong")]
    [InlineData("Authorization: Bearer")]
    [InlineData("Authorization: Basic TOKEN")]
    [InlineData("Authorization: TOKEN")]
    [InlineData("Authorization: Bearer TOKENx")]
    [InlineData("Authorization: Bearer TOKEN, Bearer TOKEN")]
    [InlineData("Authorization: Bearer wrong\r\nAuthorization: Bearer TOKEN")]
    [InlineData("Cookie: token=TOKEN")]
    [InlineData("X-Forwarded-For: 127.0.0.1")]
    [InlineData("X-HTTP-Method-Override: GET")]
    public async Task With_anything_else_than_the_token_nothing_is_changed(string header)
    {
        await AssertRefusedAsync("POST", "/switch", header.Replace("TOKEN", _host.Token, StringComparison.Ordinal), "401");
        await AssertRefusedAsync("POST", "/switch?access_token=" + _host.Token, "", "401");
    }

    [Theory]
    [InlineData("evil.example.com")]
    [InlineData("evil.example.com:9900")]
    [InlineData("localhost.evil.example.com")]
    [InlineData("127.0.0.1.evil.example.com")]
    [InlineData("10.0.0.1")]
    [InlineData("[::2]:9900")]
    [InlineData("0.0.0.0")]
    public async Task A_name_that_was_rebound_reads_nothing(string host)
    {
        foreach (var (method, path) in new[] { ("GET", "/status"), ("GET", "/events"), ("GET", "/livez"), ("HEAD", "/status"), ("POST", "/switch") })
        {
            var response = await _host.SendRawAsync(
                $"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {_host.Token}\r\nConnection: close\r\n\r\n");
            Assert.StartsWith("HTTP/1.1 403 ", response, StringComparison.Ordinal);
        }

        AssertNothingChanged();
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("LOCALHOST:1")]
    [InlineData("127.0.0.1:9900")]
    [InlineData("127.8.8.8")]
    [InlineData("[::1]:9900")]
    public async Task A_loopback_name_reads(string host)
    {
        var response = await _host.SendRawAsync($"GET /status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", response, StringComparison.Ordinal);
        Assert.Contains("\"active\":\"blue\"", response, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Sec-Fetch-Site: cross-site")]
    [InlineData("Sec-Fetch-Site: Cross-Site")]
    [InlineData("Origin: https://evil.example.com")]
    [InlineData("Origin: http://localhost:3000")]
    [InlineData("Origin: null")]
    [InlineData("Origin: http://localhost.evil.example.com")]
    [InlineData("Origin: http://localhost\r\nOrigin: https://evil.example.com")]
    public async Task A_page_of_another_origin_gets_nothing_even_with_the_token(string header)
    {
        foreach (var (method, path) in new[] { ("GET", "/status"), ("POST", "/switch") })
        {
            await AssertRefusedAsync(method, path, $"{header}\r\nAuthorization: Bearer {_host.Token}", "403");
        }
    }

    [Theory]
    [InlineData("Sec-Fetch-Site: same-origin")]
    [InlineData("Sec-Fetch-Site: none")]
    [InlineData("Origin: http://localhost")]
    public async Task A_page_of_this_origin_reads(string header)
    {
        var response = await _host.SendRawAsync($"GET /status HTTP/1.1\r\nHost: localhost\r\n{header}\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", response, StringComparison.Ordinal);
        Assert.DoesNotContain("Access-Control-", response, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Set-Cookie", response, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("GET /status HTTP/1.0\r\n\r\n", "403")]
    [InlineData("POST /switch HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "401")]
    [InlineData("GET /status HTTP/1.1\r\n\r\n", "400")]
    [InlineData("GET /status HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "400")]
    [InlineData("GET http://evil.example.com/status HTTP/1.1\r\nHost: localhost\r\n\r\n", "400")]
    [InlineData("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\nConnection: close\r\n\r\n", "401")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "")]
    [InlineData("GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "404")]
    [InlineData("GET /switches/..%2f..%2fadmin.token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "404")]
    [InlineData("GET /switches/%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "400")]
    [InlineData("rubbish\r\n\r\n", "400")]
    public async Task Odd_requests_get_an_error_and_no_more(string request, string status)
    {
        var response = await _host.SendRawAsync(request);
        if (status.Length > 0)
        {
            Assert.Matches($@"^HTTP/1\.1 {status} ", response);
        }

        Assert.DoesNotContain("\"active\"", response, StringComparison.Ordinal);
        Assert.DoesNotContain(_host.Token, response, StringComparison.Ordinal);
        AssertNothingChanged();
    }

    [Fact]
    public async Task Huge_bodies_are_refused()
    {
        using var request = _host.WithToken(HttpMethod.Post, "/switch", new string(' ', 100_000));
        using var response = await _host.ByPort.SendAsync(request, Cancellation);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);

        using var chunked = _host.WithToken(HttpMethod.Post, "/switch", new string(' ', 100_000));
        chunked.Headers.TransferEncodingChunked = true;
        using var second = await _host.ByPort.SendAsync(chunked, Cancellation);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, second.StatusCode);
        AssertNothingChanged();
    }

    [Fact]
    public async Task Huge_headers_are_refused()
    {
        var response = await _host.SendRawAsync($"GET /status HTTP/1.1\r\nHost: localhost\r\nX-Fill: {new string('x', 20_000)}\r\n\r\n");
        Assert.Matches(@"^(HTTP/1\.1 431 |$)", response);
    }

    [Fact]
    public async Task A_flood_of_connections_to_the_port_does_not_lock_out_the_socket()
    {
        var flood = new List<TcpClient>();
        try
        {
            for (var i = 0; i < AdminServer.MaxConnections + 10; i++)
            {
                var client = new TcpClient();
                flood.Add(client);
                await TryConnectAsync(client);
            }

            // Those beyond the limit are closed without a word.
            var closed = await Task.WhenAny(flood.Select(client => ClosedAsync(client))).WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);
            Assert.True(await closed);
            Assert.Equal("blue", (string?)(await _host.GetJsonAsync("/status"))["active"]);
        }
        finally
        {
            flood.ForEach(client => client.Dispose());
        }

        await Eventually.TrueAsync(async () => (await TryReadStatusAsync()) == HttpStatusCode.OK, "the port serves again");

        async Task TryConnectAsync(TcpClient client)
        {
            try
            {
                await client.ConnectAsync("127.0.0.1", _host.ByPort.BaseAddress!.Port, Cancellation);
            }
            catch (SocketException)
            {
                // Turned away before the call returned.
            }
        }

        static async Task<bool> ClosedAsync(TcpClient client)
        {
            try
            {
                return !client.Connected || await client.GetStream().ReadAsync(new byte[1], Cancellation).Within() == 0;
            }
            catch (IOException)
            {
                return true;
            }
        }
    }

    [Fact]
    public async Task With_the_token_the_port_switches()
    {
        using var request = _host.WithToken(HttpMethod.Post, "/switch", """{"to":"green"}""");
        using var response = await _host.ByPort.SendAsync(request, Cancellation);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(SlotName.Green, _host.Plane.Slots.Active.Name);
    }

    [Fact]
    public async Task A_refusal_says_how_to_get_in()
    {
        using var response = await _host.ByPort.PostAsync("/switch", null, Cancellation);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("Bearer", response.Headers.WwwAuthenticate.ToString());
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        Assert.Contains(_host.Options.TokenFile, (string?)(await AdminHost.ReadJsonAsync(response))["detail"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/switches")]
    [InlineData("/status")]
    [InlineData("/events?switch=ID")]
    [InlineData("/switches/ID")]
    public async Task What_the_app_wrote_is_shown_only_with_the_token(string path)
    {
        _host.Plane.Green.Handler = context =>
        {
            context.Response.StatusCode = 500;
            return Microsoft.AspNetCore.Http.HttpResponseWritingExtensions.WriteAsync(context.Response, "password=hunter2");
        };
        using var failed = await _host.BySocket.PostAsync("/switch", null, Cancellation);
        var id = (string)(await AdminHost.ReadJsonAsync(failed))["id"]!;
        path = path.Replace("ID", id, StringComparison.Ordinal);

        using var request = _host.WithToken(HttpMethod.Get, path);
        using var response = await _host.ByPort.SendAsync(request, Cancellation);
        var whole = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.Contains("hunter2", whole, StringComparison.Ordinal);
        Assert.Contains("log of green", whole, StringComparison.Ordinal);

        var stripped = await _host.ByPort.GetStringAsync(path, Cancellation);
        Assert.Contains(id, stripped, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", stripped, StringComparison.Ordinal);
        Assert.DoesNotContain("log of green", stripped, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_token_is_refused_for_a_read_too()
    {
        var response = await _host.SendRawAsync("GET /status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 401 ", response, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Responses_are_not_kept_and_not_framed()
    {
        using var response = await _host.ByPort.GetAsync("/status", Cancellation);
        Assert.Equal("no-store", response.Headers.CacheControl!.ToString());
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("DENY", response.Headers.GetValues("X-Frame-Options").Single());
        Assert.Empty(response.Headers.Server);
    }

    private async Task AssertRefusedAsync(string method, string path, string header, string status)
    {
        var lines = header.Length == 0 ? "" : header + "\r\n";
        var response = await _host.SendRawAsync($"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{lines}Connection: close\r\n\r\n");
        Assert.StartsWith($"HTTP/1.1 {status} ", response, StringComparison.Ordinal);
        Assert.Contains("application/problem+json", response, StringComparison.Ordinal);
        AssertNothingChanged();
    }

    private void AssertNothingChanged()
    {
        Assert.Null(_host.Plane.Switches.Running);
        Assert.Null(_host.Plane.Switches.Last);
        Assert.Equal(SlotName.Blue, _host.Plane.Slots.Active.Name);
    }

    private async Task<HttpStatusCode?> TryReadStatusAsync()
    {
        try
        {
            using var response = await _host.ByPort.GetAsync("/status", Cancellation);
            return response.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
