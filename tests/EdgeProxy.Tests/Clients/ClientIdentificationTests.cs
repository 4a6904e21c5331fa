using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using EdgeProxy.Diagnostics;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Clients;

/// <summary>One client for the app and the access log, through the whole public pipeline.</summary>
public sealed class ClientIdentificationTests : IAsyncLifetime
{
    private const string Get = "GET / HTTP/1.1\r\nHost: internal\r\nConnection: close\r\n";

    private readonly TemporaryDirectory _directory = new();
    private Backend _app = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _app = await Backend.StartAsync(context =>
    {
        string[] names = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Host"];
        return context.Response.WriteAsync(string.Join(" | ", names.Select(name => context.Request.Headers[name].ToString())));
    });

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _directory.Dispose();
    }

    /// <param name="fields">What the trusted proxy sends.</param>
    /// <param name="app">What the app gets: For, Proto, Host, and the Host header.</param>
    /// <param name="client">In the access log.</param>
    [Theory]
    [InlineData("X-Forwarded-For: 192.0.2.1", "192.0.2.1, 127.0.0.1 | http | internal | internal", "192.0.2.1")]
    [InlineData("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.1", "192.0.2.1, 127.0.0.1 | http | internal | internal", "192.0.2.1")]
    [InlineData(
        "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: HTTPS\r\nX-Forwarded-Host: a.example:8443",
        "192.0.2.1, 127.0.0.1 | https | a.example:8443 | internal",
        "192.0.2.1")]
    [InlineData("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: wss", "192.0.2.1, 127.0.0.1 | https | internal | internal", "192.0.2.1")]
    [InlineData("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: ws", "192.0.2.1, 127.0.0.1 | http | internal | internal", "192.0.2.1")]
    [InlineData("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: javascript", "192.0.2.1, 127.0.0.1 | http | internal | internal", "192.0.2.1")]
    [InlineData("X-Forwarded-Host: a.example/x", "127.0.0.1 | http | internal | internal", "127.0.0.1")]
    [InlineData("X-Forwarded-Host: <script>", "127.0.0.1 | http | internal | internal", "127.0.0.1")]
    [InlineData("Forwarded: for=\"[2001:db8::1]:4711\";proto=https;host=a.example", "2001:db8::1, 127.0.0.1 | https | a.example | internal", "2001:db8::1")]
    [InlineData("Forwarded: for=6.6.6.6;proto=https\r\nX-Forwarded-For: 192.0.2.1", "192.0.2.1, 127.0.0.1 | http | internal | internal", "192.0.2.1")]
    [InlineData("Forwarded: for=6.6.6.6;proto=https\r\nX-Forwarded-Proto: http", "127.0.0.1 | http | internal | internal", "127.0.0.1")]
    [InlineData("Connection: X-Forwarded-For\r\nX-Forwarded-For: 192.0.2.1", "192.0.2.1, 127.0.0.1 | http | internal | internal", "192.0.2.1")]
    [InlineData("X-Real-IP: 6.6.6.6", "127.0.0.1 | http | internal | internal", "127.0.0.1")]
    public async Task A_trusted_proxy_is_believed_by_all(string fields, string app, string client)
    {
        await using var proxy = await StartAsync("127.0.0.0/8");

        Assert.Equal(app, await AskAsync(proxy, fields));

        var line = await LineAsync(proxy);
        Assert.Equal(client, line.GetProperty("client").GetString());
        Assert.True(!line.TryGetProperty("proxy", out var peer) || peer.GetString() == "127.0.0.1");
    }

    [Theory]
    [InlineData("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example")]
    [InlineData("Forwarded: for=6.6.6.6;proto=https;host=evil.example")]
    public async Task A_client_that_is_not_trusted_is_not_believed_by_anybody(string fields)
    {
        await using var proxy = await StartAsync("10.0.0.0/8", "unix:");

        Assert.Equal("127.0.0.1 | http | internal | internal", await AskAsync(proxy, fields));

        var line = await LineAsync(proxy);
        Assert.Equal("127.0.0.1", line.GetProperty("client").GetString());
        Assert.False(line.TryGetProperty("forwardedFor", out _));
    }

    [Fact]
    public async Task Caddys_format_tells_the_client_from_its_peer()
    {
        await using var proxy = await StartAsync(AccessLogFormat.Caddy, ["127.0.0.1"]);

        await AskAsync(proxy, "X-Forwarded-For: 6.6.6.6, 192.0.2.1:4711");

        var request = (await LineAsync(proxy)).GetProperty("request");
        Assert.Equal(("127.0.0.1", "192.0.2.1"), (request.GetProperty("remote_ip").GetString(), request.GetProperty("client_ip").GetString()));
        Assert.NotEqual("4711", request.GetProperty("remote_port").GetString());
        Assert.Equal("6.6.6.6, 192.0.2.1:4711", request.GetProperty("headers").GetProperty("X-Forwarded-For")[0].GetString());
    }

    /// <summary>nginx says <c>unix:</c> for a client without an address, and believes such a peer where <c>unix:</c> is trusted.</summary>
    [Theory]
    [InlineData("10.0.0.0/8", "unix: | http | internal | internal", "unix:")]
    [InlineData("unix:", "192.0.2.1 | https | internal | internal", "192.0.2.1")]
    public async Task A_peer_on_a_Unix_socket_has_no_address(string trusted, string app, string client)
    {
        await using var proxy = await StartAsync(AccessLogFormat.Json, [trusted], ("Kestrel:Endpoints:Unix:Url", $"http://unix:{_directory["public.sock"]}"));
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(_directory["public.sock"]), Cancellation);

        Assert.Equal(app, await AskAsync(socket, "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https"));

        Assert.Equal(client, (await LineAsync(proxy)).GetProperty("client").GetString());
    }

    [Fact]
    public async Task An_IPv4_client_of_a_dual_socket_is_an_IPv4_client()
    {
        await using var proxy = await StartAsync(AccessLogFormat.Json, ["10.0.0.0/8"], ("Kestrel:Endpoints:Http:Url", "http://[::]:0"));

        Assert.StartsWith("127.0.0.1 |", await AskAsync(proxy, "X-A: b"), StringComparison.Ordinal);
    }

    private Task<DataPlane> StartAsync(params string[] trusted) => StartAsync(AccessLogFormat.Json, trusted);

    private Task<DataPlane> StartAsync(AccessLogFormat format, string[] trusted, params (string Key, string Value)[] settings) => DataPlane.StartAsync(
        _app.Address,
        "http://127.0.0.1:1",
        options => (options.TrustedProxies, options.AccessLog) = (trusted, new AccessLogOptions { Format = format, Path = _directory["access.log"] }),
        settings);

    private static async Task<string> AskAsync(DataPlane proxy, string fields)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, proxy.Address.Port, Cancellation);
        return await AskAsync(socket, fields);
    }

    private static async Task<string> AskAsync(Socket socket, string fields)
    {
        await using var stream = new NetworkStream(socket);
        await RawServer.WriteAsync(stream, $"{Get}{fields}\r\n\r\n", Cancellation);
        using var reader = new StreamReader(stream);
        var response = await reader.ReadToEndAsync(Cancellation);
        Assert.StartsWith("HTTP/1.1 200 ", response, StringComparison.Ordinal);
        return response.Split("\r\n").First(line => line.Contains(" | ", StringComparison.Ordinal));
    }

    private async Task<JsonElement> LineAsync(DataPlane proxy)
    {
        await proxy.StopAsync(); // which writes what is left
        return JsonElement.Parse(Assert.Single(await File.ReadAllLinesAsync(_directory["access.log"], Cancellation)));
    }
}
