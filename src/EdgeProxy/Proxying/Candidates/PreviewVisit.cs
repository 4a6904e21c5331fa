using Microsoft.AspNetCore.Http.Extensions;

namespace EdgeProxy.Proxying.Candidates;

/// <summary>The first request with a preview link: it gets the cookie, and the address without the token.</summary>
internal static class PreviewVisit
{
    /// <summary>Responds to a request with a preview link. Called while an app has a candidate.</summary>
    /// <param name="apps">Those that the link may be of.</param>
    /// <returns>Null: it has none.</returns>
    public static Task? Respond(HttpContext context, IReadOnlyList<ProxiedApp> apps, DateTimeOffset now)
    {
        if (!context.Request.Query.TryGetValue(PreviewToken.Parameter, out var values) || !HttpMethods.IsGet(context.Request.Method))
        {
            return null;
        }

        // Neither a reader of a history or a log that has the address is to get the page, nor a cache.
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers["Referrer-Policy"] = "no-referrer";
        if (values is not [{ } token] || FindApp(apps, token, now) is not (var app, var left))
        {
            context.Response.StatusCode = StatusCodes.Status410Gone;
            context.Response.ContentType = "text/plain; charset=utf-8";
            return context.Response.WriteAsync("This preview link is not valid any more. `edgeproxy preview` prints a new one.\n");
        }

        context.Response.Cookies.Append(PreviewToken.CookieOf(app), token, new CookieOptions
        {
            Path = "/",
            HttpOnly = true,
            SameSite = SameSiteMode.Lax,
            Secure = context.Request.IsHttps,
            MaxAge = left,
        });
        context.Response.StatusCode = StatusCodes.Status302Found;
        context.Response.Headers.Location = AddressWithout(context.Request);
        return Task.CompletedTask;
    }

    /// <returns>Whose candidate it is for, and for how long; null: nobody's.</returns>
    private static (string App, TimeSpan Left)? FindApp(IReadOnlyList<ProxiedApp> apps, string token, DateTimeOffset now)
    {
        foreach (var app in apps)
        {
            if (app.Slots.Plan.Candidate is { } candidate && PreviewToken.Read(candidate.Key, token, now) is { } left)
            {
                return (app.Name, left);
            }
        }

        return null;
    }

    /// <summary>On this host whatever the path is: one that began with two slashes would name another (RFC 3986 section 4.2).</summary>
    private static string AddressWithout(HttpRequest request)
    {
        var query = new QueryBuilder(request.Query.Where(field => field.Key != PreviewToken.Parameter)
            .SelectMany(field => field.Value, (field, value) => new KeyValuePair<string, string>(field.Key, value ?? "")));
        return "/" + request.Path.ToUriComponent().TrimStart('/') + query.ToQueryString();
    }
}
