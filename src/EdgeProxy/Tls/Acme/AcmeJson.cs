using System.Text.Json;
using System.Text.Json.Serialization;

namespace EdgeProxy.Tls.Acme;

/// <summary>The JSON that ACME authorities speak (RFC 8555, RFC 9773): camelCase, absent members left out.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(JsonWebKey))]
[JsonSerializable(typeof(JwsHeader))]
[JsonSerializable(typeof(FlattenedJws))]
[JsonSerializable(typeof(AcmeDirectory))]
[JsonSerializable(typeof(NewAccount))]
[JsonSerializable(typeof(NewOrder))]
[JsonSerializable(typeof(FinalizeOrder))]
[JsonSerializable(typeof(Empty))]
[JsonSerializable(typeof(AcmeOrder))]
[JsonSerializable(typeof(AcmeAuthorization))]
[JsonSerializable(typeof(AcmeProblem))]
[JsonSerializable(typeof(RenewalInformation))]
internal sealed partial class AcmeJson : JsonSerializerContext;
