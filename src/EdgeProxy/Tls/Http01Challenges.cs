namespace EdgeProxy.Tls;

/// <summary>HTTP-01: responds to an authority before anything else looks at its request (RFC 8555 section 8.3), with or without TLS.</summary>
internal sealed class Http01Challenges(RequestDelegate next, PendingChallenges challenges)
{
    private const string Place = "/.well-known/acme-challenge/";

    /// <summary>Responds to an awaited token only. Others go their way: the app may have an authority of its own.</summary>
    public Task InvokeAsync(HttpContext context)
    {
        if (challenges.HasResponses && HttpMethods.IsGet(context.Request.Method)
            && context.Request.Path.Value is { } path && path.StartsWith(Place, StringComparison.Ordinal))
        {
            var token = path[Place.Length..];
            return challenges.FindResponse(token) is { } response ? RespondAsync(context, response)
                : challenges.Elsewhere is not null ? LookAsync(context, token)
                : next(context);
        }

        return next(context);
    }

    private async Task LookAsync(HttpContext context, string token)
    {
        var response = await challenges.Elsewhere!(AcmeChallenge.Http01, token, context.RequestAborted);
        await (response is null ? next(context) : RespondAsync(context, response));
    }

    private static Task RespondAsync(HttpContext context, string response)
    {
        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = response.Length; // base64url and a dot
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsync(response, context.RequestAborted);
    }
}
