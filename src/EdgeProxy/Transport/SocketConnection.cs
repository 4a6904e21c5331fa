using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Transport;

/// <summary>A client's socket: one loop receives, one sends, each through a pipe.</summary>
/// <remarks>
/// Owned by Kestrel, which disposes it when all steps of the connection have ended. What the kernel holds when a connection breaks is received before the break
/// is told: a client that closes with something unread resets the connection right behind its last words. The socket is closed when all was sent, by
/// <see cref="Abort"/>, or when receiving has ended and sending cannot go on.
/// </remarks>
internal sealed partial class SocketConnection : SocketFeatures
{
    /// <summary>A block with less room than this is not received into.</summary>
    private const int LeastRoom = 2048;

    private readonly SocketOperation _receiver = new();
    private readonly CancellationTokenSource _closed = new();
    private readonly Lock _turn = new();
    private readonly SocketResources _resources;
    private readonly ILogger _log;
    private readonly Pipe _received;
    private readonly Pipe _unsent;
    private readonly SocketInput _input;
    private Task _receiving = Task.CompletedTask;
    private Task _sending = Task.CompletedTask;
    private Task? _telling;
    private volatile Exception? _closeReason; // not null: the socket is closed
    private bool _cannotSend;
    private bool _hasReceivedAll;

    public SocketConnection(Socket socket, SocketResources resources, ILogger log)
        : base(socket, resources.Memory)
    {
        (_resources, _log) = (resources, log);
        (_received, _unsent) = (new Pipe(resources.Input), new Pipe(resources.Output));
        _input = new SocketInput(_received.Reader);
        ConnectionClosed = _closed.Token;
        Transport = new Duplex(_input, _unsent.Writer);
    }

    /// <summary>Begins to receive and to send.</summary>
    public void Start() => (_receiving, _sending) = (ReceiveAsync(), SendAsync());

    /// <summary>Closes the socket with a reset. What was not sent is lost.</summary>
    public override void Abort(ConnectionAbortedException abortReason)
    {
        Close(abortReason);
        _unsent.Reader.CancelPendingRead();
        _received.Writer.CancelPendingFlush();
    }

    public override async ValueTask DisposeAsync()
    {
        await _input.CompleteAsync();
        await _unsent.Writer.CompleteAsync();
        await _sending;
        await _receiving;
        _receiver.Dispose();
        _closed.Dispose();
        await base.DisposeAsync();
    }

    private async Task ReceiveAsync()
    {
        SocketError? error = null;
        try
        {
            while (true)
            {
                if (error is null)
                {
                    await _receiver.WaitAsync(Socket);
                    if (_receiver.SocketError != SocketError.Success)
                    {
                        error = _receiver.SocketError; // of the connection: what came before it is still to be received
                    }
                }

                await _receiver.ReceiveAsync(Socket, _received.Writer.GetMemory(LeastRoom));
                if (_receiver.SocketError != SocketError.Success || _receiver.BytesTransferred == 0)
                {
                    error ??= _receiver.SocketError == SocketError.Success ? null : _receiver.SocketError;
                    break;
                }

                _received.Writer.Advance(_receiver.BytesTransferred);
                var flushed = await _received.Writer.FlushAsync();
                if (flushed.IsCompleted || flushed.IsCanceled)
                {
                    break; // nobody reads any more
                }
            }
        }
        catch (ObjectDisposedException)
        {
            // The socket was closed here, which says why.
        }
        catch (Exception unexpected)
        {
            Log.Failed(_log, ConnectionId, unexpected);
            Close(unexpected);
        }

        if (_closeReason is null && error is { } broken)
        {
            _input.Fail(ExceptionOf(broken));
        }

        await _received.Writer.CompleteAsync(_closeReason);
        if (IsOver(ref _hasReceivedAll))
        {
            _unsent.Reader.CancelPendingRead();
        }

        await TellAsync();
    }

    private async Task SendAsync()
    {
        Exception? failure = null;
        Exception? fault = null; // of the proxy: whoever writes hears only of these, as of a client that has left by ConnectionClosed
        try
        {
            while (true)
            {
                var written = await _unsent.Reader.ReadAsync();
                if (written.IsCanceled)
                {
                    break; // aborted, or over
                }

                if (!written.Buffer.IsEmpty && failure is null)
                {
                    var sender = _resources.Senders.Get();
                    await sender.SendAsync(Socket, written.Buffer);
                    if (sender.SocketError == SocketError.Success)
                    {
                        _resources.Senders.Return(sender);
                    }
                    else
                    {
                        failure = ExceptionOf(sender.SocketError);
                        sender.Dispose();
                        if (IsOver(ref _cannotSend))
                        {
                            break;
                        }

                        // The other end is gone, so receiving ends by itself, behind what the kernel still holds. What is written meanwhile is for nobody;
                        // a writer that heard of it would end the connection.
                        _ = TellAsync();
                    }
                }

                _unsent.Reader.AdvanceTo(written.Buffer.End);
                if (written.IsCompleted)
                {
                    break;
                }
            }
        }
        catch (ObjectDisposedException closed)
        {
            failure = closed;
        }
        catch (Exception unexpected)
        {
            Log.Failed(_log, ConnectionId, unexpected);
            failure = fault = unexpected;
        }

        Close(failure);
        await _unsent.Reader.CompleteAsync(fault);
        _received.Writer.CancelPendingFlush(); // so that receiving ends
    }

    /// <param name="failure">Null: all was sent.</param>
    private void Close(Exception? failure)
    {
        lock (_turn)
        {
            if (_closeReason is not null)
            {
                return;
            }

            _closeReason = failure ?? new ConnectionAbortedException("all was sent"); // before the socket is closed: that ends what is under way
            if (failure is not null)
            {
                Socket.Close(timeout: 0); // a reset
                return;
            }

            try
            {
                Socket.Shutdown(SocketShutdown.Both);
            }
            catch (SocketException)
            {
                // The client was first.
            }

            Socket.Dispose();
        }
    }

    /// <returns>Both have happened.</returns>
    private bool IsOver(ref bool part)
    {
        lock (_turn)
        {
            part = true;
            return _cannotSend && _hasReceivedAll;
        }
    }

    /// <summary>Cancels <see cref="SocketFeatures.ConnectionClosed"/>, once, in a task of its own.</summary>
    private Task TellAsync()
    {
        lock (_turn)
        {
            return _telling ??= Task.Run(Tell, CancellationToken.None);
        }
    }

    private void Tell()
    {
        try
        {
            _closed.Cancel();
        }
        catch (AggregateException unexpected)
        {
            Log.Failed(_log, ConnectionId, unexpected);
        }
    }

    /// <summary>Whatever broke a client's connection (a reset, a time-out of the network), it is no error of the server: Kestrel makes one of other
    /// exceptions.</summary>
    private static ConnectionResetException ExceptionOf(SocketError error)
    {
        var exception = new SocketException((int)error);
        return new ConnectionResetException(exception.Message, exception);
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 760, Level = LogLevel.Error, Message = "The connection {Id} of a client failed unexpectedly")]
        public static partial void Failed(ILogger logger, string id, Exception exception);
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
