using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using EdgeProxy.Json;

namespace EdgeProxy.Importing;

/// <summary>The JSON of an import: the settings, and what <c>--json</c> prints.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(ImportResult))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class ImportJson : JsonSerializerContext
{
    /// <summary>The context with the options of the admin API and <c>--json</c>: see <see cref="RelaxedJson"/>.</summary>
    public static ImportJson Relaxed => field ??= new(RelaxedJson.OptionsOf(Default));
}
