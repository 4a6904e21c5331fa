using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeProxy.AdminCalls;
using EdgeProxy.Json;

namespace EdgeProxy.Handover;

/// <summary>The admin call of a handover: for its server, and for the client of the command line.</summary>
internal static class HandoverApi
{
    public const string Handover = "/handover";
}

/// <summary>The body of <c>POST /handover</c>: nothing.</summary>
internal sealed record HandoverBody : RequestBody;

/// <summary>The response to <c>POST /handover</c>.</summary>
/// <param name="Pid">The number of the process that has taken over.</param>
/// <param name="Changes">The settings that differ between the old process and the new one.</param>
internal sealed record HandoverView(int Pid, IReadOnlyList<SettingChangeView> Changes);

/// <summary>A setting that has changed; what may be secret is <c>***</c>.</summary>
/// <param name="Key">The path of the setting, such as <c>EdgeProxy:Health:Path</c>.</param>
/// <param name="Old">The old value; null: it was not set.</param>
/// <param name="New">The new value; null: it is not set any more.</param>
internal sealed record SettingChangeView(string Key, string? Old, string? New);

/// <summary>The JSON of the call.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(HandoverBody))]
[JsonSerializable(typeof(HandoverView))]
internal sealed partial class HandoverApiJson : JsonSerializerContext
{
    /// <summary>The context with the options of the admin API and <c>--json</c>: see <see cref="RelaxedJson"/>.</summary>
    public static HandoverApiJson Relaxed => field ??= new(RelaxedJson.OptionsOf(Default));
}
