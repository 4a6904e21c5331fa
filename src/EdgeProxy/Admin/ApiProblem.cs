using System.Text.Json.Serialization;
using EdgeProxy.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.WebUtilities;

namespace EdgeProxy.Admin;

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

    public static JsonHttpResult<ApiProblem> Result(int status, string detail)
    {
        var problem = new ApiProblem { Title = ReasonPhrases.GetReasonPhrase(status), Status = status, Detail = detail };
        return TypedResults.Json(problem, ApiJson.Default.ApiProblem, ContentType, status);
    }

    /// <summary>Answers a request that no endpoint has answered.</summary>
    public static Task WriteAsync(HttpContext context, int status, string detail) => Result(status, detail).ExecuteAsync(context);
}
