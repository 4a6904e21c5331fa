using System.Security.Cryptography;
using System.Text.Json;

namespace EdgeProxy.Demo;

/// <summary>A small mixed load: quick GETs, GETs of a second, 64 KB uploads whose hash is checked; each over kept and over new connections.</summary>
/// <remarks>A few loops, each with one request at a time. Disposing lets every request in flight end: none is cut off by its own side.</remarks>
internal sealed class DemoLoad : IAsyncDisposable
{
    private static readonly TimeSpan QuickPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan UploadPause = TimeSpan.FromMilliseconds(50);

    private readonly byte[] _body = RandomNumberGenerator.GetBytes(64 * 1024);
    private readonly string _hash;
    private readonly HttpClient _kept;
    private readonly HttpClient _fresh;
    private readonly LoadTally _tally;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loops;

    public DemoLoad(Uri site, LoadTally tally, TimeProvider time)
    {
        (_tally, _time, _hash) = (tally, time, Convert.ToHexStringLower(SHA256.HashData(_body)));
        _kept = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { BaseAddress = site };
        _fresh = new HttpClient(
            new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.Zero })
        { BaseAddress = site };
        _loops = Task.WhenAll(
            LoopAsync(QuickPause, () => GetAsync(_kept, "/", isSlow: false)),
            LoopAsync(QuickPause, () => GetAsync(_kept, "/headers", isSlow: false)),
            LoopAsync(QuickPause, () => GetAsync(_fresh, "/", isSlow: false)),
            LoopAsync(TimeSpan.Zero, () => GetAsync(_kept, "/slow?ms=1000", isSlow: true)),
            LoopAsync(TimeSpan.Zero, () => GetAsync(_fresh, "/slow?ms=1000", isSlow: true)),
            LoopAsync(UploadPause, () => UploadAsync(_kept)),
            LoopAsync(UploadPause, () => UploadAsync(_fresh)));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loops;
        _kept.Dispose();
        _fresh.Dispose();
    }

    private async Task LoopAsync(TimeSpan pause, Func<Task> request)
    {
        await Task.Yield();
        while (!_stop.IsCancellationRequested)
        {
            await request();
            await Task.Delay(pause, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private Task GetAsync(HttpClient http, string target, bool isSlow) =>
        RequestAsync(http, () => new HttpRequestMessage(HttpMethod.Get, target), isSlow, _ => null);

    private Task UploadAsync(HttpClient http) => RequestAsync(
        http, () => new HttpRequestMessage(HttpMethod.Post, "/hash") { Content = new ByteArrayContent(_body) }, isSlow: false, CheckHash);

    private async Task RequestAsync(HttpClient http, Func<HttpRequestMessage> create, bool isSlow, Func<string, string?> check)
    {
        using var request = create();
        var began = _time.GetTimestamp();
        string? failure;
        try
        {
            using var response = await http.SendAsync(request);
            var body = await response.Content.ReadAsStringAsync();
            failure = response.IsSuccessStatusCode ? check(body) : $"status {(int)response.StatusCode}: {body[..Math.Min(body.Length, 100)]}";
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            failure = (e.InnerException ?? e).Message;
        }

        var name = $"{request.Method} {new Uri(http.BaseAddress!, request.RequestUri!).PathAndQuery} over a {(http == _fresh ? "new" : "kept")} connection";
        _tally.Add(failure is null ? null : $"{name}: {failure}", isSlow ? null : _time.GetElapsedTime(began));
    }

    private string? CheckHash(string body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, SampleJson.Default.SampleHash)?.Sha256 == _hash ? null : $"the body did not arrive as it was sent: {body}";
        }
        catch (JsonException)
        {
            return $"this is no hash: {body}";
        }
    }
}
