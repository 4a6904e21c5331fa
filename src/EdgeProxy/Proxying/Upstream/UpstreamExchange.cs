using System.Buffers;
using System.Net;
using System.Runtime.CompilerServices;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>One request and its response on one connection. Both may be under way at a time: the response is passed on as soon as it comes.</summary>
/// <remarks>
/// Owned by the holder of the response: first <see cref="UpstreamClient"/>, then <see cref="ResponseBody"/>, which ends it. The client's leaving closes the
/// socket at once, by one registration for all reads and writes. A connection goes back to <see cref="IdleConnections"/> only where nothing can come on
/// it any more that belongs to this request.
/// </remarks>
/// <param name="keep">The connection may serve another request. Otherwise each request that must have a fresh one would leave one more behind.</param>
/// <param name="abandonment">What becomes of the place of a request whose client leaves; null: places are not counted.</param>
internal sealed class UpstreamExchange(
    UpstreamConnection connection,
    IdleConnections idle,
    bool keep,
    MemoryPool<byte> buffers,
    ForwardedRequest? observer,
    CancellationToken over,
    Abandonment? abandonment = null)
{
    private CancellationTokenRegistration _whenOver;
    private RequestBodyWriter? _upload;
    private CancellationTokenSource? _givenUp; // of a request with a body, where places are counted: cancels the receive, and the connection stays open
    private bool _mayBeReused = keep;
    private bool _isUpgrade;
    private volatile bool _hasBegun;
    private volatile bool _isSending;
    private volatile bool _isBodyBroken;
    private volatile bool _isHandedOver; // to abandonment, with its place
    private volatile bool _hasUpgraded;
    private bool _isWithoutBody; // by HTTP, whatever the app makes of it: an app may work on one behind the head
    private bool _isPinned; // the place of the request is kept while the app works on it
    private bool _isOver;

    public UpstreamConnection Connection => connection;

    /// <summary>Cancels the whole exchange.</summary>
    public CancellationToken Over => over;

    /// <summary>The token of a read of the response. One that is given <see cref="Over"/> needs no registration of its own: the socket is closed. Where
    /// places are counted it is not.</summary>
    public CancellationToken ReadToken(CancellationToken given) => given == over && abandonment is null ? CancellationToken.None : given;

    /// <summary>Sends the request, and returns its response when its head has come.</summary>
    /// <exception cref="ResponseEndedException">The connection ended before.</exception>
    /// <exception cref="HttpRequestException">The response is invalid (<see cref="HttpRequestError.InvalidResponse"/>).</exception>
    /// <exception cref="OperationCanceledException"><see cref="Over"/>.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<HttpResponseMessage> SendAsync(HttpRequestMessage request, string target, long? bodyLength)
    {
        _isPinned = abandonment is not null && observer?.Lease?.TryPinPlace() == true;
        // Before anybody may cancel it. It has no timer and no registration: nothing is to be disposed.
        _givenUp = abandonment is null || bodyLength == 0 ? null : new CancellationTokenSource();
        _whenOver = over.UnsafeRegister(static exchange => ((UpstreamExchange)exchange!).Cut(), this);
        try
        {
            return await SendAndReceiveAsync(request, target, bodyLength);
        }
        catch (Exception failure)
        {
            // What ends without a response may be tried again, with the same place. Nonsense is not.
            End(mayBeReused: false, isAtWork: IsAbandoned || failure is HttpRequestException { HttpRequestError: HttpRequestError.InvalidResponse });

            if (over.IsCancellationRequested && failure is not OperationCanceledException)
            {
                throw new OperationCanceledException(failure.Message, failure, over);
            }

            throw;
        }
    }

    /// <summary>The response has come to its framed end.</summary>
    /// <param name="mayBeReused">The connection.</param>
    /// <param name="isRead">By the forwarder: what has no body may still get its response from another try (a 408).</param>
    public void Complete(bool mayBeReused = true, bool isRead = true)
    {
        if (observer is not null)
        {
            observer.ResponseEnded = true;
        }

        End(mayBeReused, isAtWork: _isWithoutBody);
        if (isRead)
        {
            observer?.Life?.EndLease(); // the app has done its part, however long the client takes
        }

        if (_upload is { IsOver: false })
        {
            observer?.ClientBody?.Stop(); // nobody reads what is still to come
        }
    }

    /// <summary>The response is given up before its end.</summary>
    /// <param name="isBroken">It is not what HTTP allows.</param>
    public void GiveUp(bool isBroken) => End(mayBeReused: false, isAtWork: isBroken || IsAbandoned);

    /// <summary>Called once or more, by the flow that receives.</summary>
    /// <param name="mayBeReused">The connection.</param>
    /// <param name="isAtWork">The app may go on with the request.</param>
    private void End(bool mayBeReused, bool isAtWork)
    {
        if (_isOver)
        {
            return;
        }

        _isOver = true;
        var isAborted = over.CanBeCanceled && !_whenOver.Unregister();
        if (mayBeReused && _mayBeReused && !isAborted && !connection.HasBuffered && _upload is null or { IsWhole: true })
        {
            idle.Put(connection);
        }
        else if (isAtWork && abandonment is not null && Abandonment.AppliesTo(observer) && (!over.IsCancellationRequested || HasClientLeft))
        {
            _isHandedOver = true; // before the place is gone: Cut may look
            abandonment.Take(connection, observer!.Lease!);
        }
        else
        {
            connection.Close();
        }

        if (_isPinned)
        {
            observer!.Lease!.UnpinPlace();
        }
    }

    /// <summary>
    /// The app has something of the request, and the client has left, or sends no more of its body before there is a response: the app may go on with it,
    /// also where it has got a part of the body, which many apps do not read, and where its response has begun, of which the rest is still to be made.
    /// </summary>
    private bool IsAbandoned =>
        (_isSending && !_hasUpgraded && (HasClientLeft || (_isBodyBroken && !_hasBegun)) && Abandonment.AppliesTo(observer)) || _isHandedOver;

    private bool HasClientLeft => over.IsCancellationRequested && observer?.Life is { HasClientLeft: true };

    /// <summary>The exchange is over, from any thread. Where the connection stays open, the receive is cancelled by its token.</summary>
    private void Cut()
    {
        if (abandonment is null || !IsAbandoned)
        {
            connection.Abort();
        }
        else
        {
            _givenUp?.Cancel();
        }
    }

    /// <summary>The client has not sent its whole body, and does not: the app would wait for the rest.</summary>
    private void BreakBody()
    {
        if (abandonment is null)
        {
            connection.Abort();
            return;
        }

        _isBodyBroken = true;
        Interlocked.MemoryBarrier(); // as in ReceiveToBlankLineAsync
        connection.ShutdownSend();
        if (!_hasBegun)
        {
            Cut();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<HttpResponseMessage> SendAndReceiveAsync(HttpRequestMessage request, string target, long? bodyLength)
    {
        _isSending = true;
        var block = buffers.Rent();
        int head;
        while (!RequestHeadWriter.TryWrite(request, target, bodyLength, block.Memory.Span, out head, out _isUpgrade))
        {
            var larger = buffers.Rent(block.Memory.Length * 2);
            block.Dispose();
            block = larger;
        }

        if (bodyLength == 0)
        {
            await SendHeadAsync(block.Memory[..head]);
            connection.UseBuffer(block);
            return await ReceiveHeadAsync(request);
        }

        // A piece of the body that is there goes out with the head.
        if (observer?.ClientBody?.HasArrived() != true)
        {
            await SendHeadAsync(block.Memory[..head]);
            head = 0;
        }

        _upload = new RequestBodyWriter(connection, block, head, bodyLength, observer);
        var response = ReceiveHeadAsync(request); // first: sending may go on for long without giving way
        _ = SendBodyAsync(request.Content!, _upload);
        return await response;
    }

    /// <summary>Should that fail, the app may have said why: what can be read decides.</summary>
    private async ValueTask SendHeadAsync(ReadOnlyMemory<byte> head)
    {
        try
        {
            await connection.SendAsync(head);
        }
        catch (IOException)
        {
            _mayBeReused = false;
        }
    }

    /// <summary>Runs beside the response, and ends when the body is sent, when sending fails, when the client fails, or with the exchange. Never
    /// throws.</summary>
    private async Task SendBodyAsync(HttpContent content, RequestBodyWriter upload)
    {
        try
        {
            await content.CopyToAsync(upload, null, over); // returns where sending has failed, throws where the client has: YARP keeps the reason
            if (!upload.HasFailed)
            {
                await upload.CompleteAsync();
            }
        }
        catch (Exception) when (upload.HasFailed)
        {
            // What the app has said can still be read.
        }
        catch (Exception) when (!_hasBegun)
        {
            BreakBody();
        }
        catch (Exception)
        {
            connection.ShutdownSend(); // the app may have refused the body, and its client have given up sending it: the response goes on
        }
        finally
        {
            await upload.DisposeAsync();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<HttpResponseMessage> ReceiveHeadAsync(HttpRequestMessage request)
    {
        while (true)
        {
            var response = ParseHead(await ReceiveToBlankLineAsync(), request, out var head);
            if (head.Status is >= 200 or StatusCodes.Status101SwitchingProtocols)
            {
                return response;
            }

            // Nothing was asked that a 1xx would be the response to: an app that sends one may send more than this request is owed.
            _mayBeReused = false;
            response.Dispose();
        }
    }

    /// <returns>The length of the head.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReceiveToBlankLineAsync()
    {
        var (searched, judged) = (0, 0);
        while (true)
        {
            var end = ResponseHeadParser.FindEnd(connection.Buffered, ref searched);
            if (connection.HasBuffered && !ResponseHeadParser.CanBegin(connection.Buffered))
            {
                throw new HttpRequestException(HttpRequestError.InvalidResponse, "Invalid status line.");
            }

            if (end > 0)
            {
                return end;
            }

            if (ResponseHeadParser.IsInvalidSoFar(connection.Buffered, ref judged))
            {
                throw new HttpRequestException(HttpRequestError.InvalidResponse, "Invalid head of a response, whose end has not come.");
            }

            await ReceiveMoreAsync();
            if (!_hasBegun)
            {
                _hasBegun = true;
                if (abandonment is not null)
                {
                    Interlocked.MemoryBarrier(); // Cut reads the one and we the other, each behind its own write: nobody is left with an open connection
                    over.ThrowIfCancellationRequested();
                }

                _mayBeReused &= _upload is null or { IsWhole: true }; // an early response: the app may not read the rest as the rest of this request
            }
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReceiveMoreAsync()
    {
        int count;
        try
        {
            count = await connection.FillAsync(ResponseHeadParser.MaxSize, abandonment is null ? CancellationToken.None : _givenUp?.Token ?? over);
        }
        catch (OperationCanceledException) when (!over.IsCancellationRequested)
        {
            throw new ResponseEndedException(new IOException("The client has not sent its whole body."));
        }
        catch (IOException broken)
        {
            throw new ResponseEndedException(broken);
        }

        if (count <= 0)
        {
            throw count == 0
                ? new ResponseEndedException(new IOException("The connection ended before the response."))
                : new HttpRequestException(HttpRequestError.InvalidResponse, "The head of the response is longer than 64 KB.");
        }
    }

    private HttpResponseMessage ParseHead(int length, HttpRequestMessage request, out ResponseHead head)
    {
        var content = new ResponseContent(this);
        var response = new HttpResponseMessage { RequestMessage = request, Content = content };
        head = new ResponseHead();
        var fault = ResponseHeadParser.Parse(connection.Buffered[..length], response, ref head);
        connection.Consume(length);
        if (fault is null && head.Status == StatusCodes.Status101SwitchingProtocols && !_isUpgrade)
        {
            fault = "The response switches protocols although the request did not ask for it.";
        }

        if (fault is not null)
        {
            throw new HttpRequestException(HttpRequestError.InvalidResponse, fault);
        }

        _hasUpgraded = head.Status == StatusCodes.Status101SwitchingProtocols;
        response.StatusCode = (HttpStatusCode)head.Status;
        if (head.Status is >= 200 or StatusCodes.Status101SwitchingProtocols)
        {
            content.Begin(response, head, FramingOf(request, head));
        }

        return response;
    }

    /// <summary>RFC 9112 section 6.3. Apps send a body behind HEAD, 204, 205 and 304 as well, at once or later; and a 408 may be meant for an idle
    /// connection.</summary>
    private ResponseFraming FramingOf(HttpRequestMessage request, in ResponseHead head)
    {
        var hasNone = request.Method == HttpMethod.Head || head.Status is StatusCodes.Status204NoContent
            or StatusCodes.Status205ResetContent or StatusCodes.Status304NotModified;
        _isWithoutBody = hasNone;
        _mayBeReused &= !hasNone && !head.Closes && !head.IsHttp10 && head.Status != StatusCodes.Status408RequestTimeout;
        return head.Status == StatusCodes.Status101SwitchingProtocols ? ResponseFraming.Upgraded
            : hasNone || head.Length == 0 ? ResponseFraming.None
            : head.IsChunked ? ResponseFraming.Chunked
            : head.Length > 0 ? ResponseFraming.Length
            : ResponseFraming.UntilClose;
    }
}
