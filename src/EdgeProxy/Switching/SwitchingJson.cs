using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeProxy.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching.Records;

namespace EdgeProxy.Switching;

/// <summary>
/// The JSON of switches and health, in state files, events and admin calls: camelCase, slots in lower case, enums by name, durations <c>hh:mm:ss.fff</c>, times
/// RFC 3339 UTC.
/// </summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    UseStringEnumConverter = true,
    Converters = [typeof(SlotNameConverter), typeof(DurationConverter), typeof(UtcTimeConverter)])]
[JsonSerializable(typeof(Switch))]
[JsonSerializable(typeof(ProbeEvent))]
[JsonSerializable(typeof(SlotEvent))]
[JsonSerializable(typeof(ActiveSlot))]
[JsonSerializable(typeof(SwitchCheckpoint))]
[JsonSerializable(typeof(PauseRecord))]
[JsonSerializable(typeof(MaintenanceRecord))]
[JsonSerializable(typeof(PhaseRun))]
[JsonSerializable(typeof(SwitchBody))]
[JsonSerializable(typeof(RollbackBody))]
[JsonSerializable(typeof(EndWaitBody))]
[JsonSerializable(typeof(PreviewBody))]
[JsonSerializable(typeof(PreviewView))]
[JsonSerializable(typeof(SwitchesView))]
[JsonSerializable(typeof(HealthView))]
[JsonSerializable(typeof(RefusedSwitch))]
[JsonSerializable(typeof(PauseBody))]
[JsonSerializable(typeof(ResumeBody))]
[JsonSerializable(typeof(MaintenanceBody))]
[JsonSerializable(typeof(TrafficView))]
internal sealed partial class SwitchingJson : JsonSerializerContext
{
    /// <summary>The context with the options of the admin API and <c>--json</c>: see <see cref="RelaxedJson"/>.</summary>
    public static SwitchingJson Relaxed => field ??= new(RelaxedJson.OptionsOf(Default));
}
