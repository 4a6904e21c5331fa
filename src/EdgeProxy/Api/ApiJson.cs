using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeProxy.AdminCalls;
using EdgeProxy.Json;
using EdgeProxy.Slots;

namespace EdgeProxy.Api;

/// <summary>The JSON of the admin API: camelCase, slots in lower case, enums by name, durations <c>hh:mm:ss.fff</c>, times RFC 3339 UTC.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    UseStringEnumConverter = true,
    Converters = [typeof(SlotNameConverter), typeof(DurationConverter), typeof(UtcTimeConverter)])]
[JsonSerializable(typeof(StatusView))]
[JsonSerializable(typeof(AppsView))]
[JsonSerializable(typeof(ProbeView))]
[JsonSerializable(typeof(ApiProblem))]
[JsonSerializable(typeof(UnknownApp))]
[JsonSerializable(typeof(string))]
internal sealed partial class ApiJson : JsonSerializerContext
{
    /// <summary>The context with the options of the admin API and <c>--json</c>: see <see cref="RelaxedJson"/>.</summary>
    public static ApiJson Relaxed => field ??= new(RelaxedJson.OptionsOf(Default));
}
