using System.Buffers;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using EdgeProxy.Slots;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>The HTTP/1.1 client of one server: which request may reuse a connection, and which is sent again.</summary>
/// <remarks>
/// A server closes an idle connection whenever it likes (gunicorn after 2 s by default), and a request on its way then is lost. So a
/// request with a body or an unsafe method takes a fresh connection, unless the server is known to keep idle ones long enough, and a
/// request that is safe to repeat (RFC 9110 section 9.2.1) and has no body is repeated once when its connection ends before a response. Should that one
/// end so too, <see cref="NoResponseException"/> says so.
/// A connection is opened by the request that needs it, for that request, and closed with it: none is open that has not served.
/// </remarks>
internal sealed class UpstreamClient : IDisposable
{
    /// <summary>A connection that ends later than this after the request was sent is no race: its worker was busy with the request, and a second one would
    /// double the load.</summary>
    private static readonly TimeSpan RepeatWindow = TimeSpan.FromSeconds(10);

    private readonly EndPoint _endPoint;
    private readonly TimeSpan _connectTimeout;
    private readonly TimeProvider _time;
    private readonly MemoryPool<byte> _buffers;
    private readonly bool _reuseForBodies;
    private readonly Abandonment? _abandonment;
    private readonly IdleConnections _connections;
    private long _failures;
    private long _repeats;

    /// <param name="endPoint">Where the server listens.</param>
    /// <param name="options">How long connections are tried and kept.</param>
    /// <param name="buffers">Of receive buffers.</param>
    /// <param name="abandonment">What becomes of the places of requests whose clients leave; null: they are not counted.</param>
    public UpstreamClient(EndPoint endPoint, UpstreamOptions options, TimeProvider time, MemoryPool<byte> buffers, Abandonment? abandonment = null)
    {
        _endPoint = endPoint;
        _connectTimeout = options.ConnectTimeout;
        _time = time;
        _buffers = buffers;
        _reuseForBodies = options.ServerKeepAlive >= 2 * options.IdleConnectionTimeout;
        _abandonment = abandonment;
        _connections = new(options.IdleConnectionTimeout, time);
    }

    /// <summary>Its connections now.</summary>
    public IdleConnections Connections => _connections;

    /// <summary>Connections that the server has not accepted, since the proxy started.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>Requests that were sent a second time, since the proxy started.</summary>
    public long Repeats => Volatile.Read(ref _repeats);

    /// <summary>Whether a method is safe (RFC 9110 section 9.2.1), so that its request may be sent twice where it has no body.</summary>
    public static bool IsSafe(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method);

    /// <summary>
    /// Whether a connection could not be opened for want of a descriptor, a port or memory on this side, or of room in the queue of the server's socket: a
    /// Unix socket then says WouldBlock, over TCP nothing comes until <c>ConnectTimeout</c>. A flood of clients can cause that, and it says nothing of the
    /// server; an app that has stopped accepting fails its probes. .NET has the same error for a Unix socket that does not exist as for want of a port.
    /// </summary>
    public static bool IsOwnFault(Exception? failure, EndPoint endPoint) => (failure as SocketException)?.SocketErrorCode switch
    {
        SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable or SocketError.WouldBlock or SocketError.TimedOut => true,
        SocketError.AddressNotAvailable => endPoint is not UnixDomainSocketEndPoint,
        _ => false,
    };

    /// <summary>Sends a request, and returns its response when its head has come.</summary>
    /// <param name="request">Its URI is not looked at, but for the authority where there is no <c>Host</c>.</param>
    /// <param name="target">Path and query as they are sent.</param>
    /// <param name="observer">What is told of the exchange; null: nobody asks.</param>
    /// <param name="isUpgrade">The server is asked to switch protocols: the request needs a connection of its own.</param>
    /// <param name="cancellationToken">Cuts the exchange, also after the return of this method.</param>
    /// <exception cref="HttpRequestException">There is no response. <see cref="HttpRequestError.ConnectionError"/>: nothing was sent.</exception>
    public async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, string target, ForwardedRequest? observer, bool isUpgrade, CancellationToken cancellationToken)
    {
        var bodyLength = request.Content is { } content ? content.Headers.ContentLength : 0;
        var repeatable = bodyLength == 0 && IsSafe(request.Method.Method);
        if (!repeatable)
        {
            var mayReuse = _reuseForBodies && !isUpgrade; // one that switches protocols serves nobody else
            return await TryAsync(request, target, bodyLength, observer, mayReuse ? _connections.Take() : null, keep: _reuseForBodies, cancellationToken);
        }

        var started = _time.GetTimestamp();
        try
        {
            var connection = isUpgrade ? null : _connections.Take();
            var mayBeTimedOut = connection is not null;
            var response = await TryAsync(request, target, bodyLength, observer, connection, keep: true, cancellationToken);
            if (!mayBeTimedOut || response.StatusCode != HttpStatusCode.RequestTimeout)
            {
                return response;
            }

            response.Dispose(); // RFC 9110 section 15.5.9: meant for the idle connection, it has crossed the request
        }
        catch (ResponseEndedException) when (IsRace(started, cancellationToken))
        {
            // Once more.
        }

        Interlocked.Increment(ref _repeats);
        try
        {
            return await TryAsync(request, target, bodyLength, observer, connection: null, keep: true, cancellationToken);
        }
        catch (ResponseEndedException second) when (IsRace(started, cancellationToken))
        {
            throw new NoResponseException(second);
        }
    }

    public void Dispose() => _connections.Dispose();

    private bool IsRace(long started, CancellationToken cancellationToken) =>
        _time.GetElapsedTime(started) < RepeatWindow && !cancellationToken.IsCancellationRequested;

    /// <param name="connection">Null: a fresh one.</param>
    /// <param name="keep">It may serve another request.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<HttpResponseMessage> TryAsync(
        HttpRequestMessage request,
        string target,
        long? bodyLength,
        ForwardedRequest? observer,
        UpstreamConnection? connection,
        bool keep,
        CancellationToken cancellationToken)
    {
        connection ??= await OpenAsync(cancellationToken);
        var exchange = new UpstreamExchange(connection, _connections, keep, _buffers, observer, cancellationToken, _abandonment);
        return await exchange.SendAsync(request, target, bodyLength);
    }

    /// <exception cref="HttpRequestException">Refused, or not within its time (<see cref="HttpRequestError.ConnectionError"/>): nothing was sent.</exception>
    private async ValueTask<UpstreamConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var generation = _connections.Generation;
        var isOpen = false;
        _connections.BeginOpening();
        try
        {
            var socket = await SlotAddress.ConnectAsync(_endPoint, _connectTimeout, _time, cancellationToken);
            isOpen = true;
            return new UpstreamConnection(socket, _connections, _buffers, generation);
        }
        catch (SocketException failure)
        {
            if (!IsOwnFault(failure, _endPoint))
            {
                Interlocked.Increment(ref _failures);
            }

            throw new HttpRequestException(HttpRequestError.ConnectionError, failure.Message, failure);
        }
        finally
        {
            _connections.EndOpening(isOpen);
        }
    }
}

/// <summary>Two connections ended, soon, before a response to a request that is safe to repeat.</summary>
internal sealed class NoResponseException(HttpRequestException second)
    : HttpRequestException(second.HttpRequestError, "Two connections ended without a response.", second.InnerException);
