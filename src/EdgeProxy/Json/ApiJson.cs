using System.Text.Encodings.Web;
using System.Text.Json;

namespace EdgeProxy.Json;

/// <summary><see cref="EdgeProxyJson"/> as people and scripts read it, in the admin API and in <c>--json</c>: quotes, <c>+</c> and other languages stand as they are.</summary>
/// <remarks>The default escapes them for JSON that is pasted into HTML. This one is sent as <c>application/json</c> with <c>nosniff</c>, or printed; it must not be pasted.</remarks>
internal static class ApiJson
{
    public static EdgeProxyJson Default { get; } = new(new JsonSerializerOptions(EdgeProxyJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
