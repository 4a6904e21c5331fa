using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace EdgeProxy.Proxying.Upgrades;

/// <summary>Holds the end of a client's connection back from Kestrel while a tunnel on it passes on what was received.</summary>
/// <remarks>
/// Kestrel takes the end for an abort: over HTTP/1.1 it closes the socket, so that the app cannot respond to a client that has only ended its writing
/// side; over HTTP/2 it aborts all streams, with what they have received and nobody has read yet. A feature of the connection, and so of its requests.
/// Without a tunnel the end passes at once.
/// </remarks>
internal sealed class ClientConnectionEnd
{
    /// <summary>
    /// How long the end of an HTTP/2 connection is held back where a tunnel's own stream has not ended before: what is left to do is to copy memory, and the
    /// connection's other requests are to learn that their client has left.
    /// </summary>
    private static readonly TimeSpan _mostHeld = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _closed = new();
    private readonly Lock _turn = new();
    private readonly TimeProvider _time;
    private int _holds;
    private bool _isSocketClosed;
    private bool _mayPass;
    private TaskCompletionSource? _whenItMayPass; // of HTTP/2
    private ITimer? _timer;

    private ClientConnectionEnd(TimeProvider time, bool isHttp2, CancellationToken socketClosed)
    {
        _time = time;
        IsHttp2 = isHttp2;
        SocketClosed = socketClosed;
    }

    public bool IsHttp2 { get; }

    /// <summary>The client has ended its connection, or nothing can be sent to it any more: what is held back from Kestrel.</summary>
    public CancellationToken SocketClosed { get; }

    /// <summary>A step of every public endpoint, behind TLS.</summary>
    public static void Use(ListenOptions endpoint, TimeProvider time) =>
        endpoint.Use(next => connection => RunAsync(connection, next, time, IsHttp2Connection(endpoint, connection)));

    /// <summary>A tunnel is about to begin. Over HTTP/2 it calls <see cref="Release"/> once; over HTTP/1.1 the connection ends with it.</summary>
    public void Hold()
    {
        lock (_turn)
        {
            _holds++;
        }
    }

    public void Release()
    {
        lock (_turn)
        {
            if (--_holds > 0 || !(_isSocketClosed || _whenItMayPass is not null))
            {
                return;
            }
        }

        Pass();
    }

    /// <summary>The end has been met where HTTP/2 is read.</summary>
    /// <returns>Completes when the end may be seen.</returns>
    public Task WhenItMayPassAsync()
    {
        lock (_turn)
        {
            if (_holds == 0 || _mayPass)
            {
                return Task.CompletedTask;
            }

            _whenItMayPass ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _timer ??= _time.CreateTimer(static end => ((ClientConnectionEnd)end!).Pass(), this, _mostHeld, Timeout.InfiniteTimeSpan);
            return _whenItMayPass.Task;
        }
    }

    /// <summary>Lets the end through, now and later.</summary>
    public void Pass()
    {
        bool isClosed;
        lock (_turn)
        {
            _mayPass = true;
            isClosed = _isSocketClosed;
        }

        _whenItMayPass?.TrySetResult();
        if (isClosed)
        {
            _closed.Cancel();
        }
    }

    private static async Task RunAsync(ConnectionContext connection, ConnectionDelegate next, TimeProvider time, bool isHttp2)
    {
        var (socketClosed, transport) = (connection.ConnectionClosed, connection.Transport);
        var end = new ClientConnectionEnd(time, isHttp2, socketClosed);
        connection.Features.Set(end);
        connection.ConnectionClosed = end._closed.Token;
        if (isHttp2)
        {
            connection.Transport = new Transport(new HeldEndReader(transport.Input, end), transport.Output);
        }

        await using var registration = socketClosed.UnsafeRegister(static end => ((ClientConnectionEnd)end!).NoteSocketClosed(), end);
        try
        {
            await next(connection);
        }
        finally
        {
            (connection.ConnectionClosed, connection.Transport) = (socketClosed, transport);
            await (end._timer?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }

    private static bool IsHttp2Connection(ListenOptions endpoint, ConnectionContext connection) =>
        connection.Features.Get<ITlsApplicationProtocolFeature>() is { } tls
            ? tls.ApplicationProtocol.Span.SequenceEqual("h2"u8)
            : endpoint.Protocols == HttpProtocols.Http2;

    private void NoteSocketClosed()
    {
        lock (_turn)
        {
            _isSocketClosed = true;
            if (_holds > 0 && !_mayPass)
            {
                return; // HTTP/1.1: the connection is the tunnel's own, which has the token. HTTP/2: the reader comes to the end by itself
            }
        }

        _closed.Cancel();
    }

    private sealed record Transport(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
