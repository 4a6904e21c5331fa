using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace EdgeProxy.AdminCalls;

/// <summary>Reads what a caller wants done.</summary>
internal static class AdminBody
{
    /// <param name="context">The request.</param>
    /// <param name="type">What the body is.</param>
    /// <param name="example">Shown to a client that sent something else.</param>
    /// <returns>The body, an empty one as <c>{}</c>; or what is wrong with it.</returns>
    public static async Task<(T? Body, IResult? Problem)> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type, string example)
        where T : RequestBody
    {
        try
        {
            using var content = new MemoryStream();
            await context.Request.Body.CopyToAsync(content, context.RequestAborted);
            var body = content.Length == 0
                ? JsonSerializer.Deserialize("{}", type)
                : JsonSerializer.Deserialize(content.GetBuffer().AsSpan(0, (int)content.Length), type);
            return body switch
            {
                null => (null, BadBody("it is null")),
                { Unknown: { Count: > 0 } unknown } => (null, BadBody($"it has the unknown member \"{unknown.First().Key}\"")),
                _ => (body, null),
            };
        }
        catch (JsonException malformed)
        {
            return (null, BadBody($"what is at {malformed.Path ?? "$"} is something else"));
        }
        catch (BadHttpRequestException bad)
        {
            return (null, Problem.Result(bad.StatusCode, bad.Message));
        }

        IResult BadBody(string why) =>
            Problem.Result(StatusCodes.Status400BadRequest, $"The body must be JSON like {example}, each member optional, or empty: {why}");
    }
}
