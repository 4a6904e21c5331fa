using System.Net;
using System.Net.Sockets;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;

namespace EdgeProxy.Tests.Hosting;

/// <summary>A real process on sockets that it gets from another one, by systemd-socket-activate(1): clients are waiting at them when it starts.</summary>
public sealed class HandedOverSocketsTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly int _http = Backend.FreePort();
    private readonly int _https = Backend.FreePort();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    /// <summary>The ports open one after the other, and only an open port of https has a number to redirect to: it is the first, so that nobody is served in
    /// clear text meanwhile.</summary>
    [Fact]
    public async Task A_client_that_waits_for_http_while_the_proxy_starts_is_redirected_to_https()
    {
        Tool.Demand("systemd-socket-activate");
        await WriteSettingsAsync();
        using var proxy = CommandProcess.StartOnSockets([("http", _http), ("https", _https)], "run", "--config", _directory["appsettings.json"]);
        await KnockAsync();
        var clients = Enumerable.Range(0, 50).Select(_ => new RawClient()).ToList();
        try
        {
            foreach (var client in clients)
            {
                await client.ConnectAsync(_http);
                await client.SendAsync("GET /a HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", isWhole: true);
            }

            foreach (var client in clients)
            {
                var response = await client.ReadResponseAsync();
                Assert.Equal((308, $"https://shop.example.com:{_https}/a"), (response?.Status, response?.Headers.GetValueOrDefault("Location")));
            }
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }

        await proxy.ReadToAsync($"Now listening on: https://127.0.0.1:{_https}");
        await proxy.ReadToAsync($"Now listening on: http://127.0.0.1:{_http}");
        Assert.Equal(0, await proxy.TerminateAsync());
    }

    /// <summary>The first connection starts the proxy.</summary>
    private Task KnockAsync() => Eventually.TrueAsync(
        async () =>
        {
            using var first = new Socket(SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await first.ConnectAsync(IPAddress.Loopback, _http, Cancellation);
                return true;
            }
            catch (SocketException)
            {
                return false; // nobody listens yet
            }
        },
        "the ports are open");

    private async Task WriteSettingsAsync()
    {
        var (chain, key) = new TestAuthority().Issue(["shop.example.com"]);
        await File.WriteAllTextAsync(_directory["both.pem"], chain + key, Cancellation);
        await File.WriteAllTextAsync(
            _directory["appsettings.json"],
            $$"""
            {
              "EdgeProxy": {
                "Slots": { "Blue": { "Address": "http://127.0.0.1:1" }, "Green": { "Address": "http://127.0.0.1:2" } },
                "Units": { "Manager": "Process", "Process": { "Command": "sleep 600 {slot}" } },
                "Tls": { "Certificates": [{ "Certificate": "{{_directory["both.pem"]}}", "Key": "{{_directory["both.pem"]}}" }] },
                "Admin": { "Socket": "{{_directory["admin.sock"]}}", "Url": null },
                "State": { "Directory": "{{_directory["state"]}}" }
              }
            }
            """,
            Cancellation);
    }
}
