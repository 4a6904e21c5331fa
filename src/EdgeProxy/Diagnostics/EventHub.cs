using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;

namespace EdgeProxy.Diagnostics;

/// <summary>Something that changed, as <c>GET /events</c> sends it.</summary>
/// <param name="Name"><c>phase</c>, <c>probe</c>, <c>slot</c>, <c>switch</c> or <c>certificate</c>.</param>
/// <param name="Data">The JSON of the changed thing, on one line.</param>
/// <param name="SwitchId">The switch that it belongs to; null: none.</param>
/// <param name="App">The app that it belongs to; null: none.</param>
internal sealed record EdgeEvent(string Name, string Data, string? SwitchId, string? App = null);

/// <summary>Hands events to its listeners. Without a listener an event costs one read.</summary>
internal sealed class EventHub
{
    private readonly EventHub? _process;
    private readonly string? _app;

    /// <summary>A listener that reads slower than this many events behind loses the oldest.</summary>
    private const int Backlog = 256;

    private ImmutableArray<Channel<EdgeEvent>> _listeners = [];

    public EventHub()
    {
    }

    private EventHub(EventHub process, string app) => (_process, _app) = (process, app);

    /// <summary>The hub of an app, whose events say so. Listeners to the hub of the process get them, too.</summary>
    public EventHub Of(string app) => new(this, app);

    /// <summary>How many listen now.</summary>
    internal int Listeners => (_process ?? this)._listeners.Length;

    /// <summary>Sends an event to every listener; never waits.</summary>
    public void Publish<T>(string name, T changed, JsonTypeInfo<T> type, string? switchId = null)
    {
        var listeners = (_process ?? this)._listeners;
        if (listeners.IsEmpty)
        {
            return;
        }

        var @event = new EdgeEvent(name, JsonSerializer.Serialize(changed, type), switchId, _app);
        foreach (var listener in listeners)
        {
            listener.Writer.TryWrite(@event);
        }
    }

    /// <summary>Listens from now on, until disposed.</summary>
    public Subscription Subscribe()
    {
        if (_process is not null)
        {
            return _process.Subscribe();
        }

        var channel = Channel.CreateBounded<EdgeEvent>(new BoundedChannelOptions(Backlog) { FullMode = BoundedChannelFullMode.DropOldest });
        ImmutableInterlocked.Update(ref _listeners, (all, added) => all.Add(added), channel);
        return new Subscription(this, channel);
    }

    /// <summary>One listener's events, oldest first.</summary>
    public sealed class Subscription : IDisposable
    {
        private readonly EventHub _hub;
        private readonly Channel<EdgeEvent> _channel;

        internal Subscription(EventHub hub, Channel<EdgeEvent> channel) => (_hub, _channel) = (hub, channel);

        public ChannelReader<EdgeEvent> Events => _channel.Reader;

        public void Dispose()
        {
            ImmutableInterlocked.Update(ref _hub._listeners, (all, removed) => all.Remove(removed), _channel);
            _channel.Writer.TryComplete();
        }
    }
}
