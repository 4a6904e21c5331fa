using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Proxying.Upgrades;

/// <summary>A connection to the app that has switched protocols, joined with its client: a WebSocket, or what else the two have agreed on.</summary>
/// <remarks>
/// What one end has sent before its end reaches the other, and then the end does. A client's end is passed on as the end of the writing side (RFC 8441
/// section 5), and the app may still respond; the app's end is the end of the request, which is all that Kestrel offers. Belongs to the request that made
/// it, which awaits <see cref="RunAsync"/>. It ends with the app's connection, when nothing moves for too long, or when
/// <see cref="RequestCancellation"/> says so.
/// </remarks>
/// <param name="app">Of the connection to the app.</param>
internal sealed class Tunnel(Stream app, bool isWebSocket) : IDisposable
{
    private readonly CancellationTokenSource _cut = new();
    private TimeProvider _time = TimeProvider.System;
    private ITimer? _timer;
    private long _lastProgress;
    private long _patience; // ticks for which nothing may move
    private volatile bool _isLimited;
    private volatile bool _hasClientEnded;
    private volatile bool _isClientLeaving; // what it has sent may still be on its way to the app
    private TimeSpan _patienceHalfClosed;
    private CancellationToken _clientLeft;

    /// <summary>Tells the client that the protocol is switched, and copies until the end.</summary>
    /// <param name="clientLeft">Nothing can be sent to the client any more. What it has sent before may still be there.</param>
    /// <returns>False: the client's connection could not be switched, and nothing was sent.</returns>
    public async Task<bool> RunAsync(HttpContext context, RequestCancellation life, UpstreamOptions options, TimeProvider time, CancellationToken clientLeft)
    {
        using var owned = this;
        // Before the client hears of it: from then on it may not just be cut, and it may send its last words at once and end its connection.
        var due = life.BeginTunnel();
        var connection = context.Features.Get<ClientConnectionEnd>();
        connection?.Hold();
        Stream client;
        try
        {
            client = UpgradeProtocols.IsExtendedConnect(context)
                ? await context.Features.GetRequiredFeature<IHttpExtendedConnectFeature>().AcceptAsync()
                : await context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        }
        catch (Exception failure) when (TunnelDirection.IsEnd(failure))
        {
            connection?.Release();
            return context.Response.HasStarted;
        }

        _time = time;
        _clientLeft = clientLeft;
        _patience = options.StreamActivityTimeout.Ticks;
        _patienceHalfClosed = options.ActivityTimeout;
        await using var stream = client;
        await using var timer = _timer = time.CreateTimer(
            static tunnel => ((Tunnel)tunnel!).CheckProgress(), this, options.StreamActivityTimeout, Timeout.InfiniteTimeSpan);
        await using var cut = life.Token.UnsafeRegister(static tunnel => ((Tunnel)tunnel!).Cut(), this);
        await JoinAsync(client, life, connection, due);
        return true;
    }

    public void Dispose()
    {
        app.Dispose();
        _cut.Dispose();
    }

    private async Task JoinAsync(Stream client, RequestCancellation life, ClientConnectionEnd? connection, CancellationToken due)
    {
        Progress();
        var toApp = new TunnelDirection(client, app, isWebSocket ? new GracefulClose(app, masked: true, closed: null) : null, Progress, failed: null);
        var toClient = new TunnelDirection(
            app,
            client,
            isWebSocket ? new GracefulClose(client, masked: false, closed: life.NoteOrderlyEnd) : null,
            ProgressToClient,
            failed: () => LimitTo(RequestCancellation.Grace));
        var closing = Task.CompletedTask;
        await using var whenDue = due.UnsafeRegister(_ => closing = CloseAsync(toApp, toClient), null);
        await using var whenLeft = _clientLeft.UnsafeRegister(static tunnel => ((Tunnel)tunnel!).ClientLeft(), this);
        // Of HTTP/2 it is the end of all streams, each of which has its own.
        await using var whenClosed = (connection is { IsHttp2: false } ? connection.SocketClosed : CancellationToken.None)
            .UnsafeRegister(static tunnel => ((Tunnel)tunnel!).ClientLeaves(), this);

        var fromClient = FromClientAsync(toApp, () => closing, connection);
        await toClient.RunAsync(_cut.Token);
        if (toClient.Close is { HasClosed: true })
        {
            LimitTo(RequestCancellation.Grace); // the client has a Close frame and is about to send its own, which the app may still read
            await Task.WhenAny(fromClient, toApp.WhenSourceClosed);
        }

        Cut();
        await fromClient;
        await whenDue.DisposeAsync(); // waits for a callback under way: closing is what it will be
        await closing;
    }

    private async Task FromClientAsync(TunnelDirection toApp, Func<Task> closing, ClientConnectionEnd? connection)
    {
        var end = await toApp.RunAsync(_cut.Token);
        if (connection is { IsHttp2: true })
        {
            connection.Release(); // that of HTTP/1.1 has nothing but this tunnel, and is needed until Kestrel has sent what the app may still say
        }

        if (_cut.IsCancellationRequested || end == DirectionEnd.Closed)
        {
            return; // in a graceful close the app ends its connection, when it has the Close frame
        }

        await closing();
        (app as IHalfClosable)?.CompleteWrites();
        _hasClientEnded = true;
        if (end == DirectionEnd.Broken || _clientLeft.IsCancellationRequested || app is not IHalfClosable)
        {
            LimitTo(RequestCancellation.Grace);
        }
        else
        {
            ShortenPatience();
        }
    }

    private async Task CloseAsync(TunnelDirection toApp, TunnelDirection toClient)
    {
        if (!isWebSocket)
        {
            Cut(); // nothing is known of the protocol: no byte is better than another to end at
            return;
        }

        await CloseAsync(toClient.Close!);
        await CloseAsync(toApp.Close!);
    }

    private async Task CloseAsync(GracefulClose close)
    {
        try
        {
            await close.RequestAsync(_cut.Token);
        }
        catch (Exception gone) when (TunnelDirection.IsEnd(gone))
        {
            // Nobody is left to be told.
        }
    }

    private void ClientLeft()
    {
        if (_hasClientEnded)
        {
            LimitTo(RequestCancellation.Grace);
        }
        else
        {
            ClientLeaves();
        }
    }

    /// <summary>What the client has sent goes on to the app, as long as the app takes it. An app that only pushes would keep its connection for
    /// nobody.</summary>
    private void ClientLeaves()
    {
        _isClientLeaving = true;
        if (!_hasClientEnded)
        {
            Progress();
            ShortenPatience();
        }
    }

    private void ShortenPatience()
    {
        Volatile.Write(ref _patience, Math.Min(Volatile.Read(ref _patience), _patienceHalfClosed.Ticks));
        CheckProgress();
    }

    /// <summary>From now on only so much time is left, whatever moves: an end cannot be reached any more, or has only to respond.</summary>
    private void LimitTo(TimeSpan rest)
    {
        if (!_isLimited)
        {
            Progress();
            _isLimited = true;
            Volatile.Write(ref _patience, Math.Min(Volatile.Read(ref _patience), rest.Ticks));
            CheckProgress();
        }
    }

    private void Progress()
    {
        if (!_isLimited)
        {
            Volatile.Write(ref _lastProgress, _time.GetTimestamp());
        }
    }

    private void ProgressToClient()
    {
        if (!_isClientLeaving || _hasClientEnded)
        {
            Progress();
        }
    }

    private void CheckProgress()
    {
        var rest = new TimeSpan(Volatile.Read(ref _patience)) - _time.GetElapsedTime(Volatile.Read(ref _lastProgress));
        if (rest <= TimeSpan.Zero)
        {
            Cut();
        }
        else
        {
            _timer?.Change(rest, Timeout.InfiniteTimeSpan);
        }
    }

    private void Cut()
    {
        _cut.Cancel();
        app.Dispose();
    }
}
