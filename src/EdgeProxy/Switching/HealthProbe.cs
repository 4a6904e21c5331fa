using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using EdgeProxy.Common;
using EdgeProxy.Slots;

namespace EdgeProxy.Switching;

/// <summary>Sends a slot one request over a connection of its own, as a client behind TLS would. Every response, also none, is a value.</summary>
/// <param name="options">What to ask and what to expect.</param>
/// <param name="host">See <see cref="ProbeHost"/>; null: the slot's own address.</param>
/// <param name="time">The clock of timeouts and latencies.</param>
/// <param name="logger">For the path that is taken where none is set.</param>
internal sealed partial class HealthProbe(HealthOptions options, string? host, TimeProvider time, ILogger<HealthProbe> logger)
{
    /// <summary>How much of a body is read: enough to look for <see cref="HealthOptions.ExpectedBody"/>, and no download.</summary>
    private const int MaxBody = 64 * 1024;

    /// <summary>How much of it is shown.</summary>
    private const int ShownBody = 512;

    /// <summary>How long a page may take that is asked for the first time, with every cache cold.</summary>
    private static readonly TimeSpan WarmUpTimeout = TimeSpan.FromSeconds(30);

    private static readonly string UserAgent = $"edgeproxy-probe/{typeof(HealthProbe).Assembly.GetName().Version?.ToString(3)}";

    private readonly StatusRanges _expected = StatusRanges.TryParse(options.ExpectedStatus, out var expected)
        ? expected
        : throw new ArgumentException($"EdgeProxy:Health:ExpectedStatus is \"{options.ExpectedStatus}\"; it must be {StatusRanges.Allowed}");

    /// <summary>Once taken it stays: a version without it must not be admitted for its front page.</summary>
    private string? _path = options.Path;

    /// <summary>The health probe.</summary>
    /// <exception cref="OperationCanceledException">The caller has cancelled.</exception>
    public Task<ProbeSummary> ProbeAsync(SlotAddress address, CancellationToken cancellationToken) => Volatile.Read(ref _path) is { } path
        ? AskForHealthAsync(address, path, cancellationToken)
        : FindPathAsync(address, cancellationToken);

    /// <summary>Asks for a page to warm it up: any response below 500 is good.</summary>
    /// <exception cref="OperationCanceledException">The caller has cancelled.</exception>
    public Task<ProbeSummary> WarmUpAsync(SlotAddress address, string path, CancellationToken cancellationToken) =>
        AskAsync(
            address,
            path,
            WarmUpTimeout,
            (response, _, _) => (int)response.StatusCode < 500 ? null : $"{path} responds with {(int)response.StatusCode}",
            cancellationToken);

    private async Task<ProbeSummary> AskForHealthAsync(SlotAddress address, string path, CancellationToken cancellationToken)
    {
        var response = await AskAsync(address, path, options.Timeout, (response, body, name) => JudgeHealth(path, response, body, name), cancellationToken);
        return response with { IsNotFound = !response.IsGood && response.Status == 404 };
    }

    /// <summary>Tries the usual paths. One that the app does not have, or keeps from strangers, is none; any other response, and none at all, is the slot's
    /// health for now: an app that fails at <c>/healthz</c> is not well because its front page is.</summary>
    private async Task<ProbeSummary> FindPathAsync(SlotAddress address, CancellationToken cancellationToken)
    {
        var told = new List<string>();
        ProbeSummary? last = null;
        foreach (var path in HealthOptions.UsualPaths)
        {
            var response = await AskForHealthAsync(address, path, cancellationToken);
            if (response.IsGood)
            {
                if (Interlocked.CompareExchange(ref _path, path, null) is null)
                {
                    Log.PathTaken(logger, path, address, response.Status!.Value);
                }

                return response;
            }

            if (response.Status is not ((>= 301 and <= 308) or 401 or 403 or 404 or 405 or 410))
            {
                return response;
            }

            told.Add($"{path} {response.Status}");
            last = response;
        }

        return last! with
        {
            IsNotFound = true,
            Error = $"Health:Path is not set, and none of the paths that many apps have responds with {_expected} ({string.Join(", ", told)}): " +
                "set it to one that does, and only when the app is well",
        };
    }

    private async Task<ProbeSummary> AskAsync(
        SlotAddress address, string path, TimeSpan timeout, Func<HttpResponseMessage, string, string, string?> judge, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        using var patience = new Deadline(timeout, time, cancellationToken);
        try
        {
            using var client = Connect(address, timeout);
            using var request = Compose(address, path);
            using var response = await client.SendAsync(request, patience.Token);
            var body = await ReadBodyAsync(response, patience.Token);
            var error = judge(response, body, request.Headers.Host!);
            return new((int)response.StatusCode, time.GetElapsedTime(started), Shorten(body), error);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return NoResponse(
                $"{address} accepted the request to {path} and did not respond within {timeout.TotalSeconds:0.###} s: it hangs, or is still loading")
                with
            { IsLate = true };
        }
        catch (HttpRequestException e) when (!cancellationToken.IsCancellationRequested)
        {
            return NoResponse(Explain(e, address));
        }
        catch (IOException e) when (!cancellationToken.IsCancellationRequested)
        {
            return NoResponse($"{address} closed the connection during its response ({e.Message})");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new OperationCanceledException(e.Message, e, cancellationToken);
        }

        ProbeSummary NoResponse(string error) => new(null, time.GetElapsedTime(started), null, error);
    }

    private HttpMessageInvoker Connect(SlotAddress address, TimeSpan timeout) => new(
        new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
                new NetworkStream(await address.ConnectAsync(timeout, time, cancellationToken), ownsSocket: true),
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            ActivityHeadersPropagator = null,
            PooledConnectionLifetime = TimeSpan.Zero,
        });

    private HttpRequestMessage Compose(SlotAddress address, string path)
    {
        var name = host ?? address.Authority;
        // Where the request goes, ConnectCallback knows; the path must go out as it is written in the settings.
        var uri = new Uri("http://slot" + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        var request = new HttpRequestMessage(HttpMethod.Get, uri) { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Headers.Host = name;
        request.Headers.TryAddWithoutValidation("User-Agent", UserAgent);
        request.Headers.TryAddWithoutValidation("X-Forwarded-For", "127.0.0.1");
        request.Headers.TryAddWithoutValidation("X-Forwarded-Host", name);
        request.Headers.TryAddWithoutValidation("X-Forwarded-Proto", "https");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("*/*"));
        request.Headers.ConnectionClose = true;
        return request;
    }

    private static async Task<string> ReadBodyAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[MaxBody];
        var length = await stream.ReadAtLeastAsync(buffer, MaxBody, throwOnEndOfStream: false, cancellationToken);
        return Encoding.UTF8.GetString(buffer, 0, length);
    }

    private static string Shorten(string body) => body.Length <= ShownBody ? body : body[..ShownBody];

    private static string Explain(HttpRequestException e, SlotAddress address) => e.InnerException is SocketException socket
        ? socket.SocketErrorCode switch
        {
            SocketError.ConnectionRefused => $"nothing listens on {address} (connection refused)",
            SocketError.AddressNotAvailable when address.Port is null => $"nothing listens on {address} (there is no such socket)",
            SocketError.TimedOut => $"{address} does not accept connections",
            _ => $"{address} cannot be reached: {socket.Message}",
        }
        : e.HttpRequestError switch
        {
            HttpRequestError.InvalidResponse => $"{address} responds with something that is not HTTP: is it the app that listens there?",
            HttpRequestError.ResponseEnded => $"{address} closed the connection without a complete response",
            _ => $"{address} did not respond: {e.Message}",
        };

    private string? JudgeHealth(string path, HttpResponseMessage response, string body, string hostSent)
    {
        var status = (int)response.StatusCode;
        if (_expected.Contains(status))
        {
            return options.ExpectedBody is { Length: > 0 } text && !body.Contains(text, StringComparison.Ordinal)
                ? $"{path} responds with {status}, but \"{text}\" (Health:ExpectedBody) is not in its body"
                : null;
        }

        var hint = status switch
        {
            400 => $"DisallowedHost? The probe asked as Host: {hostSent}; is it in Django's ALLOWED_HOSTS? (Health:Host chooses another)",
            >= 301 and <= 308 => ExplainRedirect(response),
            401 or 403 => "the health path must be open to a request without a login",
            404 => "is Health:Path right?",
            >= 500 => "the app fails; its log says why",
            _ => null,
        };
        return $"{path} responds with {status}, expected {_expected}{(hint is null ? "" : ": " + hint)}";
    }

    private static string ExplainRedirect(HttpResponseMessage response)
    {
        var target = response.Headers.Location?.ToString() ?? "nowhere";
        return target.StartsWith("https:", StringComparison.OrdinalIgnoreCase)
            ? $"it redirects to {target}. The probe said X-Forwarded-Proto: https; with SECURE_SSL_REDIRECT Django needs SECURE_PROXY_SSL_HEADER = " +
                "(\"HTTP_X_FORWARDED_PROTO\", \"https\") to see that"
            : $"it redirects to {target}, and a probe does not follow; set Health:Path to the final address (a missing slash at its end?)";
    }

    private static partial class Log
    {
        [LoggerMessage(
            342, LogLevel.Information,
            "Health:Path is not set: {Path} is the health path until the next start, as {Address} responds to it with {Status}. To keep it, set " +
                "EdgeProxy:Health:Path")]
        public static partial void PathTaken(ILogger logger, string path, SlotAddress address, int status);
    }
}
