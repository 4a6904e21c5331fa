using EdgeProxy.Slots;
using Microsoft.Net.Http.Headers;

namespace EdgeProxy.Proxying.Candidates;

/// <summary>What a response says to its client and to caches while a candidate has a share of the traffic. A feature of the request.</summary>
/// <remarks>The last word about the headers: where it is made by <see cref="CandidateVisits"/>, in front of sites and static files, their rules come before
/// it.</remarks>
internal sealed class CandidateResponse
{
    /// <summary>Longer than any switch.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);

    private readonly HttpContext _context;

    private CandidateResponse(HttpContext context) => _context = context;

    /// <summary>It is for this client alone: no cache keeps it.</summary>
    public bool IsPrivate { get; set; }

    /// <summary>That of a request; there is one from now on.</summary>
    public static CandidateResponse Of(HttpContext context)
    {
        if (context.Features.Get<CandidateResponse>() is { } known)
        {
            return known;
        }

        var made = new CandidateResponse(context);
        context.Features.Set(made);
        context.Response.OnStarting(static response => ((CandidateResponse)response).Complete(), made);
        return made;
    }

    private Task Complete()
    {
        var headers = _context.Response.Headers;
        if (IsPrivate)
        {
            KeepFromCaches(headers);
        }

        if (ForwardedRequest.Of(_context)?.Choice is not { Responds: { } slot } choice)
        {
            return Task.CompletedTask; // not of the app, or of the active slot as the candidate could not take it
        }

        if (choice.IsTest)
        {
            headers[ClientChoices.Header] = slot.ToKey();
        }

        // A shared cache would hand the number of one client to all others (RFC 9111 section 7.3).
        if (choice.Cookie is { } set && !MayBeShared(headers))
        {
            _context.Response.Cookies.Append(set.Name, set.Value, new CookieOptions
            {
                Path = "/",
                HttpOnly = true,
                SameSite = Microsoft.AspNetCore.Http.SameSiteMode.Lax,
                Secure = _context.Request.IsHttps,
                MaxAge = Lifetime,
            });
        }

        return Task.CompletedTask;
    }

    private static void KeepFromCaches(IHeaderDictionary headers)
    {
        foreach (var name in headers.Keys.Where(IsForSharedCaches).ToList())
        {
            headers.Remove(name);
        }

        headers.Remove("Expires");
        headers.CacheControl = "private, no-store";
    }

    /// <summary>Whether a cache that many clients use may keep the response for a time that it says.</summary>
    private static bool MayBeShared(IHeaderDictionary headers)
    {
        foreach (var (name, values) in headers)
        {
            if (IsForSharedCaches(name) && !Forbids(values.ToString()))
            {
                return true; // it counts for its cache whatever the other fields say (RFC 9213)
            }
        }

        var control = headers.CacheControl.ToString();
        return !Forbids(control)
            && (headers.ContainsKey("Expires")
                || control.Contains("public", StringComparison.OrdinalIgnoreCase)
                || control.Contains("max-age", StringComparison.OrdinalIgnoreCase)
                || control.Contains("s-maxage", StringComparison.OrdinalIgnoreCase));
    }

    /// <summary><c>CDN-Cache-Control</c> (RFC 9213), those of single vendors, and what nginx and Akamai have in their place.</summary>
    private static bool IsForSharedCaches(string name) =>
        name.EndsWith("-Cache-Control", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Surrogate-Control", StringComparison.OrdinalIgnoreCase)
        || name.Equals("X-Accel-Expires", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Edge-Control", StringComparison.OrdinalIgnoreCase);

    /// <summary>Not where it names fields: then the rest of the response may be kept, and not all caches leave the fields out.</summary>
    private static bool Forbids(string control) =>
        CacheControlHeaderValue.TryParse(control, out var directives)
        && (directives.NoStore
            || (directives.Private && directives.PrivateHeaders.Count == 0)
            || (directives.NoCache && directives.NoCacheHeaders.Count == 0));
}
