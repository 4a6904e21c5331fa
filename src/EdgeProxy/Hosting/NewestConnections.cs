using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Hosting;

/// <summary>Connections in the order in which they came, of which the oldest is ended when there are too many.</summary>
internal sealed class NewestConnections
{
    private readonly Lock _lock = new();
    private readonly LinkedList<ConnectionContext> _connections = [];

    /// <returns>For <see cref="Remove"/>.</returns>
    public LinkedListNode<ConnectionContext> Add(ConnectionContext connection, int max)
    {
        var place = new LinkedListNode<ConnectionContext>(connection);
        ConnectionContext? tooMany = null;
        lock (_lock)
        {
            _connections.AddLast(place);
            if (_connections.Count > max)
            {
                tooMany = _connections.First!.Value;
                _connections.RemoveFirst();
            }
        }

        tooMany?.Abort(new ConnectionAbortedException("too many connections do not finish their handshake; the oldest is ended"));
        return place;
    }

    /// <summary>To no effect where it has been ended.</summary>
    public void Remove(LinkedListNode<ConnectionContext> place)
    {
        lock (_lock)
        {
            if (place.List is not null)
            {
                _connections.Remove(place);
            }
        }
    }
}
