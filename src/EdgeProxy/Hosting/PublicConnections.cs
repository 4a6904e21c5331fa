using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using EdgeProxy.Http;
using EdgeProxy.Platform;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace EdgeProxy.Hosting;

/// <summary>Counts the open connections of clients, so that the end of the process can wait for them a little.</summary>
/// <remarks>
/// Kestrel closes all that serve no request in the moment when it stops, though a request may be on its way: the first one of a client whom the
/// kernel has told that it is connected, or the next one on a kept-alive connection. So the listener stops accepting first
/// (<see cref="GracefulListenerFactory"/>), a client that sends a request during the stop gets its response with Connection: close, and what is still silent
/// then is closed. New connections wait meanwhile in the socket that systemd holds, for the next process.
/// </remarks>
internal sealed class PublicConnections : IDisposable
{
    private readonly CancellationTokenSource _handshakesEnd = new();
    private readonly NewestConnections _newestHandshakes = new();
    private readonly ConcurrentDictionary<ConnectionContext, bool> _all = [];
    private ImmutableArray<Func<Task>> _listeners = [];
    private int _open;
    private int _handshakes;
    private ImmutableArray<TaskCompletionSource> _waiters = [];

    /// <summary>Of those that may speak HTTP/2: Kestrel's log names only the id of a connection whose requests it cannot read.</summary>
    private readonly ConcurrentDictionary<string, EndPoint?> _clients = [];

    public int Open => Volatile.Read(ref _open);

    /// <summary>Those of them that have not agreed on TLS yet: their first request is still to come.</summary>
    public int Handshakes => Volatile.Read(ref _handshakes);

    /// <summary>
    /// How many may be under way; one more ends the oldest. Each holds some 50 KB until its time-out, and costs its client nothing. An honest client is done
    /// within a few round trips, so the oldest ones are those that never will be.
    /// </summary>
    public int MaxHandshakes { get; set; } = 2048;

    /// <summary>Counts a connection until its end.</summary>
    public void Add(ConnectionContext connection)
    {
        Interlocked.Increment(ref _open);
        _all[connection] = true;
        connection.ConnectionClosed.UnsafeRegister(
            static pair =>
            {
                var (all, ended) = ((PublicConnections, ConnectionContext))pair!;
                all._all.TryRemove(ended, out _);
                all.Remove();
            },
            (this, connection));
    }

    /// <summary>A listener has opened.</summary>
    /// <param name="stopAccepting">Called by <see cref="StopAcceptingAsync"/>; again it has no effect.</param>
    public void Listens(Func<Task> stopAccepting) => ImmutableInterlocked.Update(ref _listeners, static (all, added) => all.Add(added), stopAccepting);

    /// <summary>No listener accepts any more; another process has their sockets. Open connections go on.</summary>
    public Task StopAcceptingAsync() => Task.WhenAll(_listeners.Select(stop => stop()));

    /// <summary>Closes those that serve no request, and the others when they have served theirs: HTTP/2 with GOAWAY.</summary>
    public void AskToClose()
    {
        foreach (var (connection, _) in _all)
        {
            connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        }
    }

    /// <summary>Before anything is read of a connection that may speak HTTP/2. Until Kestrel has logged how it ended.</summary>
    public void NoteClient(ConnectionContext connection)
    {
        _clients[connection.ConnectionId] = connection.RemoteEndPoint;
        connection.Features.GetRequiredFeature<IConnectionCompleteFeature>().OnCompleted(
            static pair =>
            {
                var (connections, id) = ((PublicConnections, string))pair;
                connections._clients.TryRemove(id, out _);
                return Task.CompletedTask;
            },
            (this, connection.ConnectionId));
    }

    /// <summary>The address at the other end of an open connection that may speak HTTP/2; null: it is not known.</summary>
    public EndPoint? ClientOf(string connectionId) => _clients.GetValueOrDefault(connectionId);

    /// <summary>A step of the connection before TLS.</summary>
    public async Task BeginHandshakeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        using var handshake = new Handshake(this, connection);
        connection.Features.Set(handshake);
        NoteClient(connection);
        await next(connection);
    }

    /// <summary>A step behind TLS.</summary>
    public static Task EndHandshakeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        connection.Features.Get<Handshake>()?.Dispose();
        return next(connection);
    }

    /// <summary>Ends those that have not agreed on TLS by now. Kestrel would wait for them, and a client that never says a word, a scanner say, would keep the
    /// process for long.</summary>
    public void EndHandshakes() => _handshakesEnd.Cancel();

    public void Dispose() => _handshakesEnd.Dispose();

    /// <summary>Completes when none is open. Each listener asks for itself, when it accepts no more.</summary>
    public Task WhenNoneAsync()
    {
        var none = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ImmutableInterlocked.Update(ref _waiters, static (all, added) => all.Add(added), none);
        // Read after the waiter is visible: a connection that ended before saw nobody to tell.
        if (Interlocked.CompareExchange(ref _open, 0, 0) == 0)
        {
            none.TrySetResult();
        }

        return none.Task;
    }

    private void Remove()
    {
        if (Interlocked.Decrement(ref _open) > 0)
        {
            return;
        }

        foreach (var waiter in _waiters)
        {
            waiter.TrySetResult();
        }
    }

    /// <summary>One that is under way. Disposed when it has succeeded, and again, to no effect, when its connection ends.</summary>
    private sealed class Handshake : IDisposable
    {
        private readonly CancellationTokenRegistration _end;
        private readonly LinkedListNode<ConnectionContext> _place;
        private PublicConnections? _connections;

        public Handshake(PublicConnections connections, ConnectionContext connection)
        {
            _connections = connections;
            Interlocked.Increment(ref connections._handshakes);
            _place = connections._newestHandshakes.Add(connection, connections.MaxHandshakes);
            _end = connections._handshakesEnd.Token.UnsafeRegister(static connection => ((ConnectionContext)connection!).Abort(), connection);
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _connections, null) is { } connections)
            {
                _end.Dispose();
                connections._newestHandshakes.Remove(_place);
                Interlocked.Decrement(ref connections._handshakes);
            }
        }
    }
}

/// <summary>The transport, whose listeners end in two steps: no new connection, then, when those accepted have had time to ask and to be told,
/// closed.</summary>
internal sealed class GracefulListenerFactory(
    IConnectionListenerFactory sockets, ListeningSockets listening, PublicConnections connections, IReadOnlyList<Slot> slots, TimeProvider time)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    /// <summary>
    /// Long enough for what is under way and for a busy client's next request; the first client after the restart waits as much longer.
    /// Browsers keep silent connections open: there is always one that would not end by itself.
    /// </summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(500);

    /// <summary>A handshake takes two or three journeys before the first request can be sent: on a bad mobile network longer than
    /// <see cref="_patience"/>.</summary>
    private static readonly TimeSpan _patienceWithHandshakes = TimeSpan.FromSeconds(3);

    public bool CanBind(EndPoint endpoint) => ((IConnectionListenerFactorySelector)sockets).CanBind(endpoint);

    /// <exception cref="PublicListenException">The address cannot be had, or is a slot's. One that is taken is an <see cref="AddressInUseException"/>, which
    /// Kestrel knows.</exception>
    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        try
        {
            var descriptor = OpenOrClaim(endpoint);
            var listener = await sockets.BindAsync(new FileHandleEndPoint((ulong)descriptor, FileHandleType.Auto), cancellationToken);
            foreach (var slot in slots)
            {
                if (slot.Address.IsReachedAt(listener.EndPoint))
                {
                    await listener.DisposeAsync();
                    listening.Close(descriptor);
                    throw ListenFailure.AtSlot(listener.EndPoint, slot);
                }
            }

            var opened = new Listener(listener, descriptor, listening, connections, time);
            connections.Listens(opened.StopAcceptingAsync);
            return opened;
        }
        catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(taken.Message, taken); // as Kestrel's own transport does
        }
        catch (SocketException refusal)
        {
            throw ListenFailure.At(endpoint, refusal);
        }
    }

    private int OpenOrClaim(EndPoint endpoint)
    {
        if (endpoint is not FileHandleEndPoint handedOver)
        {
            return listening.Open(endpoint, SocketTransportOptions.CreateDefaultBoundListenSocket);
        }

        listening.Claim((int)handedOver.FileHandle);
        return (int)handedOver.FileHandle;
    }

    private sealed class Listener(
        IConnectionListener inner, int descriptor, ListeningSockets listening, PublicConnections connections, TimeProvider time) : IConnectionListener
    {
        public EndPoint EndPoint => inner.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            var connection = await inner.AcceptAsync(cancellationToken);
            if (connection is not null)
            {
                connection.Features.Set(new ClientOutput(connection.Transport.Output));
                connections.Add(connection);
            }

            return connection;
        }

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            await StopAcceptingAsync();
            var none = connections.WhenNoneAsync();
            var started = time.GetTimestamp();
            bool handshakes;
            do
            {
                handshakes = connections.Handshakes > 0; // its request comes after it
                // Not a failure: Kestrel closes what is left, as it would have done at once.
                await none.WaitAsync(_patience, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            while ((handshakes || connections.Handshakes > 0)
                && !none.IsCompleted
                && !cancellationToken.IsCancellationRequested
                && time.GetElapsedTime(started) < _patienceWithHandshakes);
            connections.EndHandshakes();
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();

        /// <remarks>
        /// Kestrel never closes a descriptor that was handed to it. Where systemd has closed its own, a client that connects while the last requests end would
        /// wait for nobody, and the port would not be free for another server.
        /// </remarks>
        public async Task StopAcceptingAsync()
        {
            await inner.UnbindAsync();
            listening.Close(descriptor);
        }
    }
}
