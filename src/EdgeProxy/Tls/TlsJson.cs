using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeProxy.Json;
using EdgeProxy.Tls.Acme;

namespace EdgeProxy.Tls;

/// <summary>The JSON of accounts in the state directory, of the event <c>certificate</c>, and of the admin calls.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    UseStringEnumConverter = true,
    Converters = [typeof(DurationConverter), typeof(UtcTimeConverter)])]
[JsonSerializable(typeof(CertificateStatus))]
[JsonSerializable(typeof(AcmeAccount))]
[JsonSerializable(typeof(RenewBody))]
[JsonSerializable(typeof(RootView))]
internal sealed partial class TlsJson : JsonSerializerContext
{
    /// <summary>The context with the options of the admin API and <c>--json</c>: see <see cref="RelaxedJson"/>.</summary>
    public static TlsJson Relaxed => field ??= new(RelaxedJson.OptionsOf(Default));
}
