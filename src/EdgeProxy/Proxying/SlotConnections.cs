using System.Net;
using System.Net.Sockets;
using System.Text;
using EdgeProxy.Slots;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Proxying;

/// <summary>The connections to the two slots, as the forwarder's innermost handler: which request may reuse one, and which is sent again.</summary>
/// <remarks>
/// An app server closes an idle connection whenever it likes (gunicorn after 2 s by default), and a request on its way then is lost. So a
/// request with a body or an unsafe method takes a fresh connection, unless the server is known to keep idle ones long enough, and a
/// request that is safe to repeat (RFC 9110 section 9.2.1) and has no body is repeated once when its connection ends before an answer. Should that one
/// end so too, <see cref="UnansweredException"/> tells <see cref="SlotSelection"/>, which finds out whether the slot is being restarted.
/// </remarks>
internal sealed class SlotConnections(SlotPair slots, UpstreamOptions options, TimeProvider time) : HttpMessageHandler
{
    /// <summary>A connection that ends later than this after the request was sent is no race: its worker was busy with the request, and a second one would double the load.</summary>
    private static readonly TimeSpan RepeatWindow = TimeSpan.FromSeconds(10);

    private readonly bool _reuseForBodies = options.ServerKeepAlive >= 2 * options.IdleConnectionTimeout;
    private readonly SlotPool?[] _pools = new SlotPool?[2];
    private readonly int[] _open = new int[2];
    private readonly long[] _failures = new long[2];
    private long _repeats;

    /// <summary>Open connections to a slot now.</summary>
    public int Open(SlotName slot) => Volatile.Read(ref _open[(int)slot]);

    /// <summary>Connections that a slot has not accepted, since the proxy started.</summary>
    public long Failures(SlotName slot) => Volatile.Read(ref _failures[(int)slot]);

    /// <summary>Requests that were sent a second time, since the proxy started.</summary>
    public long Repeats => Volatile.Read(ref _repeats);

    /// <summary>Closes the slot's idle connections at once; a request that still runs finishes and closes its own. The next request opens new ones.</summary>
    /// <remarks>gunicorn's threaded workers do not end before their idle connections do.</remarks>
    public void CloseIdle(SlotName slot) => Interlocked.Exchange(ref _pools[(int)slot], null)?.Dispose();

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var slot = ((SlotUri)request.RequestUri!).Slot;
        var repeatable = request.Content is null && IsSafe(request.Method);
        var reuse = repeatable || _reuseForBodies;
        var started = time.GetTimestamp();
        while (true)
        {
            var pool = PoolOf(slot);
            try
            {
                return Checked(await (reuse ? pool.Reused.SendAsync(request, cancellationToken) : SendFreshAsync(pool, request, cancellationToken)), slot, pool);
            }
            catch (ObjectDisposedException) when (pool != Volatile.Read(ref _pools[(int)slot]))
            {
                // CloseIdle came between choosing the pool and using it: nothing was sent.
            }
            catch (HttpRequestException error) when (
                repeatable && EndedBeforeAnswer(error) && time.GetElapsedTime(started) < RepeatWindow && !cancellationToken.IsCancellationRequested)
            {
                if (!reuse)
                {
                    throw new UnansweredException(error);
                }

                Interlocked.Increment(ref _repeats);
                reuse = false;
            }
        }
    }

    /// <summary>On a connection that serves this request only.</summary>
    private static async Task<HttpResponseMessage> SendFreshAsync(SlotPool pool, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var own = new OwnConnection();
        request.Options.Set(OwnConnection.Key, own);
        try
        {
            return await pool.Fresh.SendAsync(request, cancellationToken);
        }
        catch
        {
            own.GiveUp();
            throw;
        }
    }

    /// <exception cref="HttpRequestException"><see cref="HttpRequestError.InvalidResponse"/>.</exception>
    private HttpResponseMessage Checked(HttpResponseMessage answer, SlotName slot, SlotPool pool)
    {
        if (AnswerHygiene.FindFault(answer) is { } fault)
        {
            // First the pool: a connection that comes back to it now is closed, so that no other request meets what may be left on this one.
            Interlocked.CompareExchange(ref _pools[(int)slot], null, pool);
            pool.Dispose();
            answer.Dispose();
            throw new HttpRequestException(HttpRequestError.InvalidResponse, fault);
        }

        AnswerHygiene.DropLengthOfNothing(answer);
        return answer;
    }

    private static bool IsSafe(HttpMethod method) => method == HttpMethod.Get || method == HttpMethod.Head || method == HttpMethod.Options;

    /// <summary>An end, a reset or a broken pipe on a connection that was there. Not a failure to connect (that is held), not an answer that broke off.</summary>
    private static bool EndedBeforeAnswer(HttpRequestException error) =>
        error is { HttpRequestError: HttpRequestError.Unknown, InnerException: IOException };

    private SlotPool PoolOf(SlotName slot)
    {
        ref var place = ref _pools[(int)slot];
        if (Volatile.Read(ref place) is { } pool)
        {
            return pool;
        }

        var created = new SlotPool(Create(slot, reuse: true), Create(slot, reuse: false));
        if (Interlocked.CompareExchange(ref place, created, null) is { } other)
        {
            created.Dispose();
            return other;
        }

        return created;
    }

    private HttpMessageInvoker Create(SlotName slot, bool reuse) => new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.None,
        ActivityHeadersPropagator = null,
        RequestHeaderEncodingSelector = static (_, _) => Encoding.Latin1, // as Kestrel has read them
        PooledConnectionIdleTimeout = options.IdleConnectionTimeout,
        PooledConnectionLifetime = reuse ? Timeout.InfiniteTimeSpan : TimeSpan.Zero,
        // The time-out is ConnectAsync's own; this one would look like a time-out of the request instead of a failed connection.
        ConnectTimeout = Timeout.InfiniteTimeSpan,
        ConnectCallback = (context, cancellation) => ConnectAsync(slot, context.InitialRequestMessage, cancellation),
    });

    private async ValueTask<Stream> ConnectAsync(SlotName slot, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            var socket = await slots[slot].Address.ConnectAsync(options.ConnectTimeout, time, cancellationToken);
            Interlocked.Increment(ref _open[(int)slot]);
            var stream = new SlotStream(socket, closed: () => Interlocked.Decrement(ref _open[(int)slot]));
            if (request.Options.TryGetValue(OwnConnection.Key, out var own))
            {
                own.Take(stream);
            }

            return stream;
        }
        catch (SocketException)
        {
            Interlocked.Increment(ref _failures[(int)slot]);
            throw;
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            CloseIdle(SlotName.Blue);
            CloseIdle(SlotName.Green);
        }

        base.Dispose(disposing);
    }

    private sealed class SlotPool(HttpMessageInvoker reused, HttpMessageInvoker fresh) : IDisposable
    {
        public HttpMessageInvoker Reused => reused;

        public HttpMessageInvoker Fresh => fresh;

        public void Dispose()
        {
            reused.Dispose();
            fresh.Dispose();
        }
    }
}

/// <summary>Two connections ended, soon, before an answer to a request that is safe to repeat.</summary>
internal sealed class UnansweredException(HttpRequestException second)
    : HttpRequestException(second.HttpRequestError, "The app ended two connections without an answer.", second.InnerException);

/// <summary>Gives the app's clusters <see cref="SlotConnections"/>, and every other cluster YARP's own client, which passes headers on byte for byte as well.</summary>
internal sealed class SlotHttpClientFactory(SlotConnections connections, ILogger<ForwarderHttpClientFactory> logger)
    : ForwarderHttpClientFactory(logger), IForwarderHttpClientFactory
{
    private readonly HttpMessageInvoker _app = new(connections, disposeHandler: false);

    HttpMessageInvoker IForwarderHttpClientFactory.CreateClient(ForwarderHttpClientContext context) =>
        AppCluster.Owns(context.ClusterId) ? _app : CreateClient(context);

    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        base.ConfigureHandler(context, handler);
        handler.RequestHeaderEncodingSelector ??= static (_, _) => Encoding.Latin1;
    }
}
