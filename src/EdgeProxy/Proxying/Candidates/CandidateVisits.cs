namespace EdgeProxy.Proxying.Candidates;

/// <summary>
/// In front of everything that serves a site: responds to a request with a preview link, wherever it leads, and keeps all responses to a client with a preview
/// from caches, those from disk too.
/// </summary>
/// <remarks>While no app has a candidate, one field is read for each app.</remarks>
internal sealed class CandidateVisits(RequestDelegate next, ProxiedApps apps, TimeProvider time)
{
    private readonly ProxiedApp[] _apps = [.. apps.All];

    public Task InvokeAsync(HttpContext context)
    {
        foreach (var app in _apps)
        {
            if (app.Slots.Plan.Candidate is not null)
            {
                return PreviewVisit.Respond(context, _apps, time.GetUtcNow()) ?? PassAsync(context);
            }
        }

        return next(context);
    }

    private Task PassAsync(HttpContext context)
    {
        var response = CandidateResponse.Of(context);
        foreach (var app in _apps)
        {
            response.IsPrivate |= app.Slots.Plan.Candidate is { } candidate
                && PreviewToken.Read(candidate.Key, context.Request.Cookies[PreviewToken.CookieOf(app.Name)], time.GetUtcNow()) is not null;
        }

        return next(context);
    }
}
