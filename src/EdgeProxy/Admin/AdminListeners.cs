using System.Net;
using System.Net.Sockets;
using EdgeProxy.Platform;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Admin;

/// <summary>Kestrel's socket transport at descriptors of <see cref="ListeningSockets"/>, so that the admin API can be handed to another process without a
/// moment in which nobody listens.</summary>
/// <param name="bind">Makes the socket of an address.</param>
internal sealed class AdminListeners(IConnectionListenerFactory sockets, ListeningSockets listening, Func<EndPoint, Socket> bind)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => ((IConnectionListenerFactorySelector)sockets).CanBind(endpoint);

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        try
        {
            var descriptor = listening.Open(endpoint, bind);
            var inner = await sockets.BindAsync(new FileHandleEndPoint((ulong)descriptor, FileHandleType.Auto), cancellationToken);
            return new Listener(inner, descriptor, endpoint, listening);
        }
        catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(taken.Message, taken); // as Kestrel's own transport does
        }
    }

    private sealed class Listener(IConnectionListener inner, int descriptor, EndPoint asked, ListeningSockets listening) : IConnectionListener
    {
        public EndPoint EndPoint => inner.EndPoint;

        public ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) => inner.AcceptAsync(cancellationToken);

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            await inner.UnbindAsync(cancellationToken);
            listening.Close(descriptor);
            if (asked is UnixDomainSocketEndPoint && !listening.AreShared)
            {
                _ = LibC.Unlink(asked.ToString()!);
            }
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
