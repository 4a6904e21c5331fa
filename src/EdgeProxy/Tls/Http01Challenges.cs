namespace EdgeProxy.Tls;

/// <summary>HTTP-01: answers an authority before anything else looks at its request (RFC 8555 section 8.3), with or without TLS.</summary>
internal sealed class Http01Challenges(RequestDelegate next, PendingChallenges challenges)
{
    private const string Place = "/.well-known/acme-challenge/";

    /// <summary>Only a token that is awaited is answered. Others go their way: the app may have an authority of its own.</summary>
    public Task InvokeAsync(HttpContext context)
    {
        if (challenges.HasAnswers && HttpMethods.IsGet(context.Request.Method)
            && context.Request.Path.Value is { } path && path.StartsWith(Place, StringComparison.Ordinal)
            && challenges.FindAnswer(path[Place.Length..]) is { } answer)
        {
            context.Response.ContentType = "application/octet-stream";
            context.Response.ContentLength = answer.Length; // base64url and a dot
            context.Response.Headers.CacheControl = "no-store";
            return context.Response.WriteAsync(answer, context.RequestAborted);
        }

        return next(context);
    }
}
