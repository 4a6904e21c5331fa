using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Tls;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>One request of the load, and what became of it.</summary>
/// <param name="Kind">What was asked.</param>
/// <param name="Started">Before the first byte was sent.</param>
/// <param name="Ended">After the last byte was read, or the error.</param>
/// <param name="Slot">The slot that responded, by its own word; null: none.</param>
/// <param name="Failure">Null: a 2xx with the right body.</param>
public sealed record Shot(string Kind, DateTimeOffset Started, DateTimeOffset Ended, SlotName? Slot, string? Failure);

/// <summary>Clients: fast GETs, GETs of a second, and 64 KB POSTs whose bodies the app hashes; each on keep-alive and on new connections.</summary>
/// <remarks>Owned by the test; <see cref="StopAsync"/> ends every client after its current request. Paced, so that two cores are left for the app.</remarks>
public sealed class MixedLoad
{
    private const int BodySize = 64 * 1024;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(25);

    private readonly Uri _target;
    private readonly X509Certificate2? _root;
    private readonly Func<int, CancellationToken, ValueTask<Stream>>? _connect;
    private readonly bool _isHttp2;
    private readonly ConcurrentQueue<Shot> _shots = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _clients;

    private MixedLoad(
        Uri target, bool withBodies, bool withSlow, X509Certificate2? root, Func<int, CancellationToken, ValueTask<Stream>>? connect, bool isHttp2)
    {
        (_target, _root, _connect, _isHttp2) = (target, root, connect, isHttp2);
        List<Task> clients = [];
        foreach (var keepAlive in new[] { true, false })
        {
            clients.Add(VisitAsync("fast GET", keepAlive, client => ReadAsync(client.GetAsync("/v1/config/feature-flags/"), _ => null)));
            if (withSlow)
            {
                clients.Add(VisitAsync("slow GET", keepAlive, client => ReadAsync(client.GetAsync("/slow?ms=1000"), _ => null)));
            }

            if (withBodies)
            {
                clients.Add(VisitAsync("POST", keepAlive, PostAsync));
            }
        }

        _clients = Task.WhenAll(clients);
    }

    public IReadOnlyCollection<Shot> Shots => _shots;

    /// <param name="target">Where the proxy is.</param>
    /// <param name="withBodies">POSTs, too.</param>
    /// <param name="withSlow">GETs of a second, too.</param>
    /// <param name="root">With https: what clients trust.</param>
    /// <param name="connect">Connects to a port; null: as the target says.</param>
    /// <param name="isHttp2">Over https.</param>
    public static MixedLoad Start(
        Uri target, bool withBodies = true, bool withSlow = true, X509Certificate2? root = null,
        Func<int, CancellationToken, ValueTask<Stream>>? connect = null, bool isHttp2 = false) => new(target, withBodies, withSlow, root, connect, isHttp2);

    public async Task<IReadOnlyList<Shot>> StopAsync()
    {
        await _stop.CancelAsync();
        await _clients;
        return [.. _shots];
    }

    private async Task VisitAsync(string kind, bool keepAlive, Func<HttpClient, Task<(SlotName?, string?)>> request)
    {
        kind = $"{(_isHttp2 ? "HTTP/2 " : _target.Scheme == Uri.UriSchemeHttps ? "HTTPS " : "")}{kind}, {(keepAlive ? "keep-alive" : "new connection")}";
        using var handler = new SocketsHttpHandler { UseProxy = false, PooledConnectionLifetime = keepAlive ? Timeout.InfiniteTimeSpan : TimeSpan.Zero };
        if (_root is not null)
        {
            handler.SslOptions.CertificateChainPolicy = TlsClient.Trust(_root);
        }

        if (_connect is not null)
        {
            handler.ConnectCallback = (to, cancellation) => _connect(to.DnsEndPoint.Port, cancellation);
        }

        using var client = new HttpClient(handler) { BaseAddress = _target, Timeout = TimeSpan.FromSeconds(60) };
        if (_isHttp2)
        {
            (client.DefaultRequestVersion, client.DefaultVersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);
        }

        client.DefaultRequestHeaders.Host = "api.example.com";
        while (!_stop.IsCancellationRequested)
        {
            var started = TimeProvider.System.GetUtcNow();
            var (slot, failure) = await request(client);
            _shots.Enqueue(new Shot(kind, started, TimeProvider.System.GetUtcNow(), slot, failure));
            await Task.Delay(Pause, TimeProvider.System, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static Task<(SlotName?, string?)> PostAsync(HttpClient client)
    {
        var body = RandomNumberGenerator.GetBytes(BodySize);
        return ReadAsync(client.PostAsync("/hash", new ByteArrayContent(body)), said =>
        {
            using var json = JsonDocument.Parse(said);
            var expected = Convert.ToHexStringLower(SHA256.HashData(body));
            return json.RootElement.GetProperty("sha256").GetString() == expected ? null : $"the body did not arrive intact: {said}";
        });
    }

    private static async Task<(SlotName?, string?)> ReadAsync(Task<HttpResponseMessage> request, Func<string, string?> check)
    {
        try
        {
            using var response = await request;
            var body = await response.Content.ReadAsStringAsync();
            SlotName? slot = response.Headers.TryGetValues("X-Slot", out var said) && SlotNameExtensions.TryParse(said.Single(), out var name) ? name : null;
            return response.IsSuccessStatusCode ? (slot, check(body)) : (slot, $"{(int)response.StatusCode}: {body}");
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException)
        {
            return (null, error.ToString());
        }
    }
}
