using System.Buffers;
using System.Collections;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Transport;

/// <summary>What Kestrel and the steps behind it ask a connection for. Its own features are itself, others are few, and are looked through in turn.</summary>
internal abstract class SocketFeatures(Socket socket, MemoryPool<byte> memory) : ConnectionContext, IFeatureCollection, IConnectionIdFeature,
    IConnectionTransportFeature, IConnectionItemsFeature, IConnectionLifetimeFeature, IConnectionEndPointFeature, IConnectionSocketFeature, IMemoryPoolFeature
{
    private static long _lastId = Random.Shared.NextInt64(1L << 48, 1L << 52);

    private readonly List<KeyValuePair<Type, object>> _others = [];
    private string? _id;
    private IDictionary<object, object?>? _items;
    private int _revision;

    /// <summary>Differs from those of other processes, too: it is in logs.</summary>
    public override string ConnectionId
    {
        get => _id ??= Interlocked.Increment(ref _lastId).ToString("X13", CultureInfo.InvariantCulture);
        set => _id = value;
    }

    public override IFeatureCollection Features => this;

    public override IDictionary<object, object?> Items
    {
        get => _items ??= new ConnectionItems();
        set => _items = value;
    }

    public override CancellationToken ConnectionClosed { get; set; }

    public override EndPoint? LocalEndPoint { get; set; } = socket.LocalEndPoint;

    public override EndPoint? RemoteEndPoint { get; set; } = socket.RemoteEndPoint;

    public override IDuplexPipe Transport { get; set; } = null!;

    public MemoryPool<byte> MemoryPool => memory;

    public Socket Socket => socket;

    bool IFeatureCollection.IsReadOnly => false;

    /// <summary>Changes with each feature that comes or goes: readers keep what they have found until then.</summary>
    int IFeatureCollection.Revision => _revision;

    object? IFeatureCollection.this[Type key]
    {
        get => Find(key) ?? (key.IsInstanceOfType(this) ? this : null);
        set => Set(key, value);
    }

    TFeature? IFeatureCollection.Get<TFeature>()
        where TFeature : default =>
        Find(typeof(TFeature)) is { } other ? (TFeature)other : this is TFeature own ? own : default;

    void IFeatureCollection.Set<TFeature>(TFeature? instance)
        where TFeature : default => Set(typeof(TFeature), instance);

    IEnumerator<KeyValuePair<Type, object>> IEnumerable<KeyValuePair<Type, object>>.GetEnumerator() => _others.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _others.GetEnumerator();

    private object? Find(Type key)
    {
        foreach (var (type, feature) in _others)
        {
            if (type == key)
            {
                return feature;
            }
        }

        return null;
    }

    private void Set(Type key, object? feature)
    {
        _revision++;
        _others.RemoveAll(other => other.Key == key);
        if (feature is not null && !(ReferenceEquals(feature, this) && key.IsInstanceOfType(this)))
        {
            _others.Add(new(key, feature));
        }
    }
}
