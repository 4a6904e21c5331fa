using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeProxy.Json;
using EdgeProxy.Slots;

namespace EdgeProxy.Demo;

/// <summary>The JSON of the demo: its settings file, and what <c>--json</c> prints.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    UseStringEnumConverter = true,
    Converters = [typeof(SlotNameConverter), typeof(DurationConverter), typeof(UtcTimeConverter)])]
[JsonSerializable(typeof(DemoReport))]
[JsonSerializable(typeof(string))]
internal sealed partial class DemoJson : JsonSerializerContext
{
    /// <summary>The context with the options of the admin API and <c>--json</c>: see <see cref="RelaxedJson"/>.</summary>
    public static DemoJson Relaxed => field ??= new(RelaxedJson.OptionsOf(Default));
}
