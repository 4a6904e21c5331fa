using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeProxy.Json;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;

namespace EdgeProxy.Notify;

/// <summary>What receivers are told.</summary>
internal sealed record NotifyMessage
{
    /// <summary>The id of the message: the same for each try, so that a receiver knows what it has had already.</summary>
    public required string Id { get; init; }

    public required NotifyEvent Event { get; init; }

    public required DateTimeOffset Time { get; init; }

    /// <summary>The name of the machine.</summary>
    public required string Host { get; init; }

    /// <summary>One line, without control characters.</summary>
    public required string Title { get; init; }

    /// <summary>What happened, where traffic is and what to do; null: the title says it all.</summary>
    public string? Text { get; init; }

    /// <summary>The app that it is about; null: none.</summary>
    public string? App { get; init; }

    /// <summary>The switch that it is about; null: none.</summary>
    public NotifySwitch? Switch { get; init; }

    /// <summary>The certificate that it is about; null: none.</summary>
    public string? Certificate { get; init; }
}

/// <summary>What a message tells of a switch: nothing that the app itself has written.</summary>
internal sealed record NotifySwitch(
    string Id, SlotName From, SlotName To, string? Label, SwitchOutcome Outcome, string? Reason, DateTimeOffset StartedAt, TimeSpan Duration);

/// <summary>A message on its way to one receiver.</summary>
/// <param name="Receiver">Its name.</param>
/// <param name="Message">What is sent.</param>
/// <param name="Tries">How many have failed.</param>
/// <param name="NotBefore">When the next one is due.</param>
internal sealed record PendingMessage(string Receiver, NotifyMessage Message, int Tries, DateTimeOffset NotBefore);

/// <summary>The content of <c>notifications.json</c>: what is not delivered yet, oldest first.</summary>
internal sealed record PendingMessages : VersionedRecord
{
    public required IReadOnlyList<PendingMessage> Pending { get; init; }
}

/// <summary>
/// The JSON of messages, as the admin API's: camelCase, slots in lower case, enums by name, durations <c>hh:mm:ss.fff</c>, times RFC 3339 UTC.
/// </summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(SlotNameConverter), typeof(DurationConverter), typeof(UtcTimeConverter)])]
[JsonSerializable(typeof(PendingMessages))]
[JsonSerializable(typeof(NotifyMessage))]
[JsonSerializable(typeof(SlackBody))]
[JsonSerializable(typeof(RobotBody))]
[JsonSerializable(typeof(RobotResponse))]
internal sealed partial class NotifyJson : JsonSerializerContext;
