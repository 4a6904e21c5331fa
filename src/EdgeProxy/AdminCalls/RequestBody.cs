using System.Text.Json;
using System.Text.Json.Serialization;

namespace EdgeProxy.AdminCalls;

/// <summary>The body of a call that changes something.</summary>
internal abstract record RequestBody
{
    /// <summary>Members that do not exist: a typo must not start what was not meant.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}
