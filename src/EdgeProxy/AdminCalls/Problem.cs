using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.WebUtilities;

namespace EdgeProxy.AdminCalls;

/// <summary>Responses with problem details.</summary>
internal static class Problem
{
    public static JsonHttpResult<ApiProblem> Result(int status, string detail)
    {
        var problem = new ApiProblem { Title = ReasonPhrases.GetReasonPhrase(status), Status = status, Detail = detail };
        return TypedResults.Json(problem, ProblemJson.Relaxed.ApiProblem, ApiProblem.ContentType, status);
    }

    /// <summary>Responds to a request to which no endpoint has responded.</summary>
    public static Task WriteAsync(HttpContext context, int status, string detail) => Result(status, detail).ExecuteAsync(context);
}
