using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeProxy.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching;

namespace EdgeProxy.Api;

/// <summary>The JSON of the admin API: camelCase, slots in lower case, enums by name, durations <c>hh:mm:ss.fff</c>, times RFC 3339 UTC.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    UseStringEnumConverter = true,
    Converters = [typeof(SlotNameConverter), typeof(DurationConverter), typeof(UtcTimeConverter)])]
[JsonSerializable(typeof(StatusView))]
[JsonSerializable(typeof(AppsView))]
[JsonSerializable(typeof(HealthView))]
[JsonSerializable(typeof(SwitchesView))]
[JsonSerializable(typeof(TrafficView))]
[JsonSerializable(typeof(ProbeView))]
[JsonSerializable(typeof(RootView))]
[JsonSerializable(typeof(Switch))]
[JsonSerializable(typeof(PhaseRun))]
[JsonSerializable(typeof(ProbeEvent))]
[JsonSerializable(typeof(ApiProblem))]
[JsonSerializable(typeof(RefusedSwitch))]
[JsonSerializable(typeof(UnknownApp))]
[JsonSerializable(typeof(SwitchBody))]
[JsonSerializable(typeof(RollbackBody))]
[JsonSerializable(typeof(EndWaitBody))]
[JsonSerializable(typeof(PreviewBody))]
[JsonSerializable(typeof(PreviewView))]
[JsonSerializable(typeof(PauseBody))]
[JsonSerializable(typeof(ResumeBody))]
[JsonSerializable(typeof(MaintenanceBody))]
[JsonSerializable(typeof(RenewBody))]
[JsonSerializable(typeof(HandoverBody))]
[JsonSerializable(typeof(HandoverView))]
[JsonSerializable(typeof(string))]
internal sealed partial class ApiJson : JsonSerializerContext
{
    /// <summary>As the admin API and <c>--json</c> show it: see <see cref="RelaxedJson"/>.</summary>
    public static ApiJson Relaxed => field ??= new(RelaxedJson.OptionsOf(Default));
}
