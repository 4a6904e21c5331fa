using System.Text.Json;
using System.Text.Json.Serialization;

namespace EdgeProxy.Demo;

/// <summary>Which slot responds: <c>{"slot":"blue","pid":4711,"version":"0.1.0"}</c>.</summary>
internal sealed record SampleIdentity(string Slot, int Pid, string Version);

/// <summary>What arrived: the raw target, and each header with its values joined by a comma.</summary>
internal sealed record SampleEcho(string Method, string Target, IReadOnlyDictionary<string, string> Headers);

/// <summary>A body that arrived: SHA-256 in lower-case hex, and bytes.</summary>
internal sealed record SampleHash(string Sha256, long Length);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(SampleIdentity))]
[JsonSerializable(typeof(SampleEcho))]
[JsonSerializable(typeof(SampleHash))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, bool>))]
internal sealed partial class SampleJson : JsonSerializerContext;
