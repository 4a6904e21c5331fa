using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using EdgeProxy.Slots;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>One request of the load, and what became of it.</summary>
/// <param name="Kind">What was asked.</param>
/// <param name="Started">Before the first byte was sent.</param>
/// <param name="Ended">After the last byte was read, or the error.</param>
/// <param name="Slot">Who answered, by its own word; null: nobody.</param>
/// <param name="Failure">Null: a 2xx with the right body.</param>
public sealed record Shot(string Kind, DateTimeOffset Started, DateTimeOffset Ended, SlotName? Slot, string? Failure);

/// <summary>Visitors: fast GETs, GETs of a second, and 64 KB POSTs whose bodies the app hashes; each on keep-alive and on new connections.</summary>
/// <remarks>Owned by the test; <see cref="StopAsync"/> ends every visitor after its current request. Paced, so that two cores are left for the app.</remarks>
public sealed class MixedLoad
{
    private const int BodySize = 64 * 1024;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(25);

    private readonly Uri _target;
    private readonly X509Certificate2? _root;
    private readonly ConcurrentQueue<Shot> _shots = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _visitors;

    private MixedLoad(Uri target, bool withBodies, bool withSlow, X509Certificate2? root)
    {
        (_target, _root) = (target, root);
        List<Task> visitors = [];
        foreach (var keepAlive in new[] { true, false })
        {
            visitors.Add(VisitAsync("fast GET", keepAlive, client => ReadAsync(client.GetAsync("/v1/config/feature-flags/"), _ => null)));
            if (withSlow)
            {
                visitors.Add(VisitAsync("slow GET", keepAlive, client => ReadAsync(client.GetAsync("/slow?ms=1000"), _ => null)));
            }

            if (withBodies)
            {
                visitors.Add(VisitAsync("POST", keepAlive, PostAsync));
            }
        }

        _visitors = Task.WhenAll(visitors);
    }

    public IReadOnlyCollection<Shot> Shots => _shots;

    /// <param name="target">Where the proxy is.</param>
    /// <param name="withBodies">POSTs, too.</param>
    /// <param name="withSlow">GETs of a second, too.</param>
    /// <param name="root">With https: what visitors trust.</param>
    public static MixedLoad Start(Uri target, bool withBodies = true, bool withSlow = true, X509Certificate2? root = null) => new(target, withBodies, withSlow, root);

    public async Task<IReadOnlyList<Shot>> StopAsync()
    {
        await _stop.CancelAsync();
        await _visitors;
        return [.. _shots];
    }

    private async Task VisitAsync(string kind, bool keepAlive, Func<HttpClient, Task<(SlotName?, string?)>> request)
    {
        kind += keepAlive ? ", keep-alive" : ", new connection";
        using var handler = new SocketsHttpHandler { UseProxy = false, PooledConnectionLifetime = keepAlive ? Timeout.InfiniteTimeSpan : TimeSpan.Zero };
        if (_root is not null)
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { _root },
                RevocationMode = X509RevocationMode.NoCheck,
                DisableCertificateDownloads = true,
            };
        }

        using var client = new HttpClient(handler) { BaseAddress = _target, Timeout = TimeSpan.FromSeconds(60) };
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
        return ReadAsync(client.PostAsync("/hash", new ByteArrayContent(body)), answer =>
        {
            using var json = JsonDocument.Parse(answer);
            var expected = Convert.ToHexStringLower(SHA256.HashData(body));
            return json.RootElement.GetProperty("sha256").GetString() == expected ? null : $"the body did not arrive intact: {answer}";
        });
    }

    private static async Task<(SlotName?, string?)> ReadAsync(Task<HttpResponseMessage> request, Func<string, string?> check)
    {
        try
        {
            using var response = await request;
            var answer = await response.Content.ReadAsStringAsync();
            SlotName? slot = response.Headers.TryGetValues("X-Slot", out var said) && SlotNameExtensions.TryParse(said.Single(), out var name) ? name : null;
            return response.IsSuccessStatusCode ? (slot, check(answer)) : (slot, $"{(int)response.StatusCode}: {answer}");
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException)
        {
            return (null, error.ToString());
        }
    }
}
