using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Hosting;

/// <summary>Counts accepted connections whose first request has not been read yet.</summary>
/// <remarks>
/// Kestrel closes them when it stops, though their client has been told by the kernel that it is connected and may have sent its request. So the
/// listener stops accepting first and lets these be served (<see cref="GracefulListenerFactory"/>); what comes later waits in the socket that
/// systemd holds, for the next process.
/// </remarks>
internal sealed class FirstRequests
{
    private int _awaited;
    private TaskCompletionSource? _none;

    /// <summary>Connections whose first request is awaited now.</summary>
    public int Awaited => Volatile.Read(ref _awaited);

    /// <summary>Counts a connection until its first request, or its end.</summary>
    public void Await(ConnectionContext connection)
    {
        Interlocked.Increment(ref _awaited);
        var mark = new Mark(this);
        connection.Features.Set(mark);
        connection.ConnectionClosed.UnsafeRegister(static mark => ((Mark)mark!).Arrive(), mark);
    }

    /// <summary>Completes when no connection waits for its first request. Asked once, as the listener closes.</summary>
    public Task WhenNoneAsync()
    {
        var none = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _none, none);
        if (Interlocked.CompareExchange(ref _awaited, 0, 0) == 0)
        {
            none.TrySetResult();
        }

        return none.Task;
    }

    /// <summary>Notes that the connection of this request has had its first one.</summary>
    public static void Arrived(HttpContext context) => context.Features.Get<Mark>()?.Arrive();

    private sealed class Mark(FirstRequests owner)
    {
        private int _arrived;

        public void Arrive()
        {
            if (_arrived == 0 && Interlocked.Exchange(ref _arrived, 1) == 0 && Interlocked.Decrement(ref owner._awaited) == 0)
            {
                Volatile.Read(ref owner._none)?.TrySetResult();
            }
        }
    }
}

/// <summary>Kestrel's socket transport, whose listeners end in two steps: no new connection, then, once those accepted have had their first request, closed.</summary>
internal sealed class GracefulListenerFactory(IConnectionListenerFactory sockets, FirstRequests firstRequests, TimeProvider time)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    /// <summary>Browsers open connections ahead of need: one that stays silent does not delay the end for longer.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(500);

    public bool CanBind(EndPoint endpoint) => ((IConnectionListenerFactorySelector)sockets).CanBind(endpoint);

    /// <exception cref="PublicListenException">The address cannot be had. One that is taken is an <see cref="AddressInUseException"/>, which Kestrel knows.</exception>
    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        try
        {
            return new Listener(await sockets.BindAsync(endpoint, cancellationToken), firstRequests, time);
        }
        catch (SocketException refusal)
        {
            throw ListenFailure.At(endpoint, refusal);
        }
    }

    private sealed class Listener(IConnectionListener inner, FirstRequests firstRequests, TimeProvider time) : IConnectionListener
    {
        public EndPoint EndPoint => inner.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            var connection = await inner.AcceptAsync(cancellationToken);
            if (connection is not null)
            {
                firstRequests.Await(connection);
            }

            return connection;
        }

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            await inner.UnbindAsync(cancellationToken);
            // Not a failure: Kestrel closes what is left, as it would have done at once.
            await firstRequests.WhenNoneAsync().WaitAsync(_patience, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
