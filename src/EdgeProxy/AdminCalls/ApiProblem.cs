using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeProxy.Json;

namespace EdgeProxy.AdminCalls;

/// <summary>An error of the admin API: problem details (RFC 9457).</summary>
internal record ApiProblem
{
    public const string ContentType = "application/problem+json";

    /// <summary>The status says it all, so the type is the generic one (RFC 9457 section 4.2.1).</summary>
    [JsonPropertyOrder(-1)]
    public string Type { get; } = "about:blank";

    [JsonPropertyOrder(-1)]
    public required string Title { get; init; }

    [JsonPropertyOrder(-1)]
    public required int Status { get; init; }

    /// <summary>What happened and what to do.</summary>
    [JsonPropertyOrder(-1)]
    public required string Detail { get; init; }
}

/// <summary>The JSON of <see cref="ApiProblem"/>.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(ApiProblem))]
internal sealed partial class ProblemJson : JsonSerializerContext
{
    /// <summary>The context with the options of the admin API and <c>--json</c>: see <see cref="RelaxedJson"/>.</summary>
    public static ProblemJson Relaxed => field ??= new(RelaxedJson.OptionsOf(Default));
}
