using System.Text.Json;
using System.Text.Json.Serialization;

namespace EdgeProxy.Units.Process;

/// <summary>The JSON of <c>processes.json</c>.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(ProcessRecords))]
internal sealed partial class ProcessJson : JsonSerializerContext;
