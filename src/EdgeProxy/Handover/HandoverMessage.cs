using System.Text.Json.Serialization;
using EdgeProxy.Slots;

namespace EdgeProxy.Handover;

/// <summary>What two processes say to each other, in the order in which it happens; see <see cref="ProcessHandover"/>.</summary>
internal enum MessageKind
{
    /// <summary>New: settings are read, the sockets and the lock are here; it has touched nothing.</summary>
    Ready,

    /// <summary>New: it cannot, and says why.</summary>
    Failed,

    /// <summary>Old: the state is the new one's.</summary>
    Go,

    /// <summary>New: it accepts connections.</summary>
    Accepting,

    /// <summary>Old: it accepts no more, and the new one is the unit's main process.</summary>
    Main,

    /// <summary>New, again and again: where requests are to go.</summary>
    Orders,

    /// <summary>Old: it does so, and this is what it has left.</summary>
    Holds,

    /// <summary>New: stop, as by SIGTERM. Old: it was told to, and means the new one.</summary>
    End,
}

/// <summary>One message: a line of JSON.</summary>
internal sealed record HandoverMessage(MessageKind Kind)
{
    /// <summary>The reason of <see cref="MessageKind.Failed"/>.</summary>
    public string? Text { get; init; }

    /// <summary>By the name of the app.</summary>
    public Dictionary<string, AppOrders>? Apps { get; init; }

    public Holdings? Holds { get; init; }

    /// <summary>The number of <see cref="MessageKind.Orders"/>, and of the <see cref="MessageKind.Holds"/> that responds to it.</summary>
    public long? Number { get; init; }
}

/// <summary>What an old process is to do with the requests of an app.</summary>
/// <param name="Active">The slot that gets them.</param>
/// <param name="Pause">Null: none.</param>
/// <param name="Maintenance">Null: none.</param>
internal sealed record AppOrders(SlotName Active, PauseOrder? Pause, MaintenanceOrder? Maintenance);

/// <summary>A pause.</summary>
internal sealed record PauseOrder(DateTimeOffset Since, TimeSpan MaxWait);

/// <summary>Maintenance.</summary>
internal sealed record MaintenanceOrder(DateTimeOffset Since, string Message, DateTimeOffset? Until);

/// <summary>What an old process has left.</summary>
/// <param name="Pid">It.</param>
/// <param name="Since">When it was replaced.</param>
/// <param name="Connections">Of clients.</param>
/// <param name="InFlight">By the name of the app, then by slot.</param>
internal sealed record Holdings(int Pid, DateTimeOffset Since, int Connections, Dictionary<string, Dictionary<SlotName, Held>> InFlight)
{
    /// <summary>It stays without any (<see cref="ReplacedProcess.StayAsync"/>).</summary>
    public bool Stays { get; init; }
}

/// <summary>Requests with a slot, by class.</summary>
internal readonly record struct Held(int Http, int Stream, int WebSocket)
{
    [JsonIgnore]
    public int Total => Http + Stream + WebSocket;

    public static Held operator +(Held one, Held other) => new(one.Http + other.Http, one.Stream + other.Stream, one.WebSocket + other.WebSocket);
}

/// <summary>What a new process finds in its environment.</summary>
/// <param name="Sockets">That listen.</param>
/// <param name="State">The lock of the state directory; null: there is none.</param>
/// <param name="StatePath">The directory.</param>
/// <param name="Channel">To the process that has started it.</param>
/// <param name="Former">To the processes before that one, the oldest first.</param>
internal sealed record HandoverGift(
    IReadOnlyList<GiftSocket> Sockets, int? State, string StatePath, int Channel, IReadOnlyList<int> Former);

/// <summary>A socket of a gift.</summary>
internal sealed record GiftSocket(int Descriptor, string Name);

/// <summary>Between processes that may be of different versions: members are added, none is renamed.</summary>
[JsonSourceGenerationOptions(
    System.Text.Json.JsonSerializerDefaults.Web,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(SlotNameConverter)])]
[JsonSerializable(typeof(HandoverMessage))]
[JsonSerializable(typeof(HandoverGift))]
internal sealed partial class HandoverJson : JsonSerializerContext;
