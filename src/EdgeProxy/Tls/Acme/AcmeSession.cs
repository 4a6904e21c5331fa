using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace EdgeProxy.Tls.Acme;

/// <summary>A response of the authority.</summary>
/// <param name="Body">All of it.</param>
/// <param name="Location">Where the made thing is.</param>
/// <param name="RetryAfter">When to look again; null: it does not say.</param>
internal sealed record AcmeResponse(byte[] Body, Uri? Location, TimeSpan? RetryAfter)
{
    /// <exception cref="AcmeException">It is something else.</exception>
    public T Read<T>(JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(Body, type) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new AcmeException($"the authority's response cannot be understood: {e.Message}", inner: e);
        }
    }
}

/// <summary>One conversation with an authority: signed requests, each with a nonce of an earlier response (RFC 8555 section 6).</summary>
/// <remarks>For one attempt, one request at a time. Whatever goes wrong with a request is an <see cref="AcmeException"/>.</remarks>
/// <param name="http">See <see cref="AcmeHttp"/>.</param>
/// <param name="directoryUrl">Where the conversation begins.</param>
/// <param name="key">Of the account, disposed with the session; null: for what is everybody's to read.</param>
/// <param name="time">Tells how far away a <c>Retry-After</c> is.</param>
internal sealed class AcmeSession(HttpClient http, Uri directoryUrl, AcmeKey? key, TimeProvider time) : IDisposable
{
    /// <summary>RFC 8555 section 6.5: a refused nonce is no failure, the refusal brings the next. A bound, lest a confused authority is asked for
    /// ever.</summary>
    private const int MaxBadNonces = 10;

    private AcmeDirectory? _directory;
    private string? _nonce;

    public AcmeKey Key => key ?? throw new InvalidOperationException("this session only reads");

    /// <summary>The account; null: not signed in yet.</summary>
    public Uri? Account { get; set; }

    public async Task<AcmeDirectory> GetDirectoryAsync(CancellationToken cancellationToken)
    {
        if (_directory is null)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, directoryUrl);
            _directory = (await SendAsync(request, cancellationToken)).Read(AcmeJson.Default.AcmeDirectory);
        }

        return _directory;
    }

    /// <summary>Reads a resource of the account (RFC 8555 section 6.3: POST as GET).</summary>
    public Task<AcmeResponse> ReadAsync(Uri url, CancellationToken cancellationToken, string accept = "application/json") =>
        PostAsync(url, [], cancellationToken, accept);

    public Task<AcmeResponse> PostAsync<T>(Uri url, T body, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        PostAsync(url, JsonSerializer.SerializeToUtf8Bytes(body, type), cancellationToken);

    /// <summary>Reads a resource that is nobody's.</summary>
    public Task<AcmeResponse> GetAsync(Uri url, CancellationToken cancellationToken)
    {
        DemandTls(url);
        return GetCoreAsync();

        async Task<AcmeResponse> GetCoreAsync()
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            return await SendAsync(request, cancellationToken);
        }
    }

    public void Dispose() => key?.Dispose();

    private async Task<AcmeResponse> PostAsync(Uri url, byte[] payload, CancellationToken cancellationToken, string accept = "application/json")
    {
        DemandTls(url);
        for (var badNonces = 0; ; badNonces++)
        {
            var nonce = await TakeNonceAsync(cancellationToken);
            var header = new JwsHeader("ES256", url.AbsoluteUri, nonce, Account is null ? Key.PublicKey : null, Account?.AbsoluteUri);
            using var request = new HttpRequestMessage(HttpMethod.Post, url)
            {
                Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(Key.Sign(header, payload), AcmeJson.Default.FlattenedJws)),
                Headers = { { "Accept", accept } },
            };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/jose+json"); // exactly: a charset gets 415
            try
            {
                return await SendAsync(request, cancellationToken);
            }
            catch (AcmeException refused) when (refused.Problem?.Kind == "badNonce" && badNonces < MaxBadNonces)
            {
                // Once more, with the nonce that the refusal has brought.
            }
        }
    }

    private async Task<string> TakeNonceAsync(CancellationToken cancellationToken)
    {
        if (_nonce is null)
        {
            using var request = new HttpRequestMessage(HttpMethod.Head, (await GetDirectoryAsync(cancellationToken)).NewNonce);
            await SendAsync(request, cancellationToken);
        }

        return Interlocked.Exchange(ref _nonce, null) ?? throw new AcmeException("the authority gives no nonce (Replay-Nonce)");
    }

    private async Task<AcmeResponse> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await http.SendAsync(request, cancellationToken);
            _nonce = response.Headers.TryGetValues("Replay-Nonce", out var nonces) ? nonces.First() : _nonce;
            var body = await response.Content.ReadAsByteArrayAsync(cancellationToken);
            var retryAfter = RetryAfter(response.Headers.RetryAfter);
            return response.IsSuccessStatusCode
                ? new AcmeResponse(body, response.Headers.Location is { } location ? new Uri(request.RequestUri!, location) : null, retryAfter)
                : throw Refusal(request.RequestUri!, (int)response.StatusCode, body, retryAfter);
        }
        catch (HttpRequestException e)
        {
            throw new AcmeException($"{request.RequestUri!.Authority} cannot be reached: {(e.InnerException ?? e).Message}", inner: e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new AcmeException(
                $"{request.RequestUri!.Authority} did not respond within {AcmeHttp.Timeout.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s", inner: e);
        }
    }

    private static AcmeException Refusal(Uri url, int status, byte[] body, TimeSpan? retryAfter)
    {
        try
        {
            if (JsonSerializer.Deserialize(body, AcmeJson.Default.AcmeProblem) is { Type: not null } problem)
            {
                return new AcmeException(problem.ToString(), problem with { Status = status }, retryAfter);
            }
        }
        catch (JsonException)
        {
            // A page of a load balancer, for one: its status says enough.
        }

        return new AcmeException($"{url} responded with {status}", new AcmeProblem { Status = status }, retryAfter);
    }

    private TimeSpan? RetryAfter(RetryConditionHeaderValue? header)
    {
        var wait = header?.Delta ?? (header?.Date is { } date ? date - time.GetUtcNow() : null);
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    /// <summary>RFC 8555 section 6.1. What is signed for one place must not be shown to another.</summary>
    private static void DemandTls(Uri url)
    {
        if (!url.IsAbsoluteUri || url.Scheme != Uri.UriSchemeHttps)
        {
            throw new AcmeException($"the authority names {url}, which is not https");
        }
    }
}
