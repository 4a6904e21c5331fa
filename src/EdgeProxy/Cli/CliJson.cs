using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeProxy.Explaining;
using EdgeProxy.Json;

namespace EdgeProxy.Cli;

/// <summary>What the verbs print with <c>--json</c> of their own.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    UseStringEnumConverter = true,
    Converters = [typeof(DurationConverter), typeof(UtcTimeConverter)])]
[JsonSerializable(typeof(SettingsReport))]
[JsonSerializable(typeof(RequestExplanation))]
[JsonSerializable(typeof(List<ListedRoute>))]
[JsonSerializable(typeof(SortedDictionary<string, string>))]
[JsonSerializable(typeof(VersionReport))]
[JsonSerializable(typeof(WatchedRequest))]
[JsonSerializable(typeof(WatchSummary))]
internal sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>The context with the options of the admin API and <c>--json</c>: see <see cref="RelaxedJson"/>.</summary>
    public static CliJson Relaxed => field ??= new(RelaxedJson.OptionsOf(Default));
}
