using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EdgeProxy.Json;

/// <summary>JSON as people and scripts read it, in the admin API and in <c>--json</c>: quotes, <c>+</c> and other languages stand as they are.</summary>
/// <remarks>
/// The default escapes them for JSON that is pasted into HTML. This one is sent as <c>application/json</c> with <c>nosniff</c>, or printed; it must not be
/// pasted.
/// </remarks>
internal static class RelaxedJson
{
    /// <summary>The options of a context, for a second instance of it that escapes only what JSON itself demands.</summary>
    public static JsonSerializerOptions OptionsOf(JsonSerializerContext context) =>
        new(context.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
