using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using EdgeProxy.AdminCalls;

namespace EdgeProxy.Api;

/// <summary>The proxy cannot be reached, or what responds is not its admin API. The message says where and what to look at.</summary>
internal sealed class AdminUnreachableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The proxy refuses, in its own words.</summary>
internal sealed class AdminRefusedException(string message) : Exception(message);

/// <summary>The call asks for what this proxy has not: an app of another name.</summary>
internal sealed class AdminUsageException(string message) : Exception(message);

/// <summary>A response of the admin API.</summary>
internal sealed record AdminResponse(HttpStatusCode Status, string Body)
{
    /// <exception cref="AdminUnreachableException">It is something else.</exception>
    public T Read<T>(JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(Body, type) ?? throw new JsonException("the body is null");
        }
        catch (JsonException e)
        {
            throw new AdminUnreachableException($"the response ({(int)Status}) is not that of a proxy of this version: {e.Message}", e);
        }
    }
}

/// <summary>Speaks to a running proxy, over its socket or its admin URL.</summary>
internal sealed class AdminClient : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    private readonly HttpClient _http;
    private readonly string _where;

    private AdminClient(HttpClient http, string where) => (_http, _where) = (http, where);

    /// <summary>Over the Unix socket; its file permissions decide which users may connect.</summary>
    /// <param name="app">See <see cref="App"/>.</param>
    public static AdminClient ForSocket(string path, string? app = null)
    {
        var handler = new SocketsHttpHandler { ConnectTimeout = ConnectTimeout, UseProxy = false, ConnectCallback = ConnectAsync };
        return new AdminClient(NewClient(handler, new Uri("http://localhost/")), $"the admin socket {path}") { App = app };

        async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }

    /// <summary>Over the URL.</summary>
    /// <param name="url">E.g. <c>http://127.0.0.1:9900</c>.</param>
    /// <param name="token">Null: reads only, where the proxy allows them.</param>
    /// <param name="app">See <see cref="App"/>.</param>
    public static AdminClient ForUrl(Uri url, string? token, string? app = null)
    {
        var http = NewClient(new SocketsHttpHandler { ConnectTimeout = ConnectTimeout, UseProxy = false, AllowAutoRedirect = false }, url);
        http.DefaultRequestHeaders.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return new AdminClient(http, url.GetLeftPart(UriPartial.Authority)) { App = app };
    }

    /// <summary>The app that calls are about; null: the one that is alone.</summary>
    public string? App { get; init; }

    /// <summary>The path of a call about the app.</summary>
    public string Of(string path) => App is null ? path : AppPaths.Of(Uri.EscapeDataString(App), path);

    public Task<AdminResponse> GetAsync(string path, CancellationToken cancellationToken) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, Relative(path)), cancellationToken);

    public Task<AdminResponse> DeleteAsync(string path, CancellationToken cancellationToken) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Delete, Relative(path)), cancellationToken);

    public Task<AdminResponse> PostAsync<T>(string path, T body, JsonTypeInfo<T> type, CancellationToken cancellationToken) => SendAsync(
        new HttpRequestMessage(HttpMethod.Post, Relative(path))
        {
            Content = new StringContent(JsonSerializer.Serialize(body, type), Encoding.UTF8, "application/json"),
        },
        cancellationToken);

    /// <summary>Listens to what happens. The proxy has subscribed us when this returns.</summary>
    /// <returns>The events until the proxy closes the stream.</returns>
    public async Task<IAsyncEnumerable<SseItem<string>>> ListenAsync(CancellationToken cancellationToken)
    {
        var response = await ReachAsync(new HttpRequestMessage(HttpMethod.Get, Relative(Of(AdminApi.Events))), cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            using (response)
            {
                throw Refusal(new AdminResponse(response.StatusCode, await response.Content.ReadAsStringAsync(cancellationToken)));
            }
        }

        return EventsAsync(response, cancellationToken);
    }

    /// <summary>The exception for a response that no caller has a use for.</summary>
    /// <param name="response">The response.</param>
    /// <param name="isDecidedElsewhere">A 503 is the word of the proxy: what decides is out of its reach.</param>
    public Exception Refusal(AdminResponse response, bool isDecidedElsewhere = false)
    {
        var why = ProblemText(response.Body);
        return response.Status switch
        {
            HttpStatusCode.NotFound when App is not null && IsUnknownApp(response.Body) => new AdminUsageException($"--app {App}: {why}"),
            HttpStatusCode.Unauthorized => new AdminRefusedException($"{_where} wants the token: --token-file /var/lib/edgeproxy/admin.token ({why})"),
            HttpStatusCode.ServiceUnavailable when isDecidedElsewhere => new AdminRefusedException($"refused: {why}"),
            HttpStatusCode.Forbidden or HttpStatusCode.Conflict or HttpStatusCode.UnprocessableEntity => new AdminRefusedException($"refused: {why}"),
            _ => new AdminUnreachableException($"{_where} responded with {(int)response.Status}: {why}"),
        };
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Below the URL that was given, which may have a path of its own (a tunnel, a proxy).</summary>
    private static string Relative(string path) => path.TrimStart('/');

    private static HttpClient NewClient(SocketsHttpHandler handler, Uri url) =>
        new(handler) { BaseAddress = url, Timeout = Timeout.InfiniteTimeSpan }; // a switch takes as long as it takes; Ctrl-C ends the wait

    /// <summary>The detail of problem details (RFC 9457), else the start of the body. What responds need not be an EdgeProxy, so nothing is demanded of
    /// it.</summary>
    private static string ProblemText(string body)
    {
        try
        {
            using var problem = JsonDocument.Parse(body);
            if ((Text(problem.RootElement, "detail") ?? Text(problem.RootElement, "title")) is { } text)
            {
                return text;
            }
        }
        catch (JsonException)
        {
            // Not ours: quoted as it is.
        }

        return body.Length switch { 0 => "no reason given", > 200 => body[..200], _ => body };
    }

    /// <summary>Another server may respond with 404 to any path.</summary>
    private static bool IsUnknownApp(string body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, ApiJson.Relaxed.UnknownApp) is { Apps: not null };
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string? Text(JsonElement problem, string member) =>
        problem.ValueKind == JsonValueKind.Object && problem.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static async IAsyncEnumerable<SseItem<string>> EventsAsync(
        HttpResponseMessage response, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using (response)
        {
            await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            await using var events = SseParser.Create(stream).EnumerateAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
            while (await NextAsync(events))
            {
                yield return events.Current;
            }
        }
    }

    private static async Task<bool> NextAsync(IAsyncEnumerator<SseItem<string>> events)
    {
        try
        {
            return await events.MoveNextAsync();
        }
        catch (Exception e) when (e is HttpIOException or IOException)
        {
            return false; // the proxy went away: to a caller that waits for an event the same as an end
        }
    }

    private async Task<AdminResponse> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var response = await ReachAsync(request, cancellationToken);
        try
        {
            return new AdminResponse(response.StatusCode, await response.Content.ReadAsStringAsync(cancellationToken));
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new AdminUnreachableException($"{_where} went away while it responded: {e.Message}", e);
        }
    }

    private async Task<HttpResponseMessage> ReachAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using (request)
        {
            try
            {
                return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            }
            catch (HttpRequestException e)
            {
                throw new AdminUnreachableException($"{_where} cannot be reached: {Advice(e)}", e);
            }
            catch (TaskCanceledException e) when (!cancellationToken.IsCancellationRequested)
            {
                throw new AdminUnreachableException($"{_where} does not respond within {ConnectTimeout.TotalSeconds} s", e);
            }
        }
    }

    private static string Advice(HttpRequestException e) => (e.InnerException as SocketException)?.SocketErrorCode switch
    {
        SocketError.AccessDenied => "permission denied; you must be in the group that owns the socket, or root",
        SocketError.ConnectionRefused => "connection refused; is the proxy running? (systemctl status edgeproxy)",
        SocketError.AddressNotAvailable or SocketError.InvalidArgument =>
            "no such socket; is the proxy running? (systemctl status edgeproxy), is --socket right?",
        _ => (e.InnerException ?? e).Message,
    };
}
