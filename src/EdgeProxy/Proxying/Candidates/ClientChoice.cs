using EdgeProxy.Slots;

namespace EdgeProxy.Proxying.Candidates;

/// <summary>What was decided about the client of a request while a candidate has a share of the traffic, and what its response says of it.</summary>
/// <param name="key">Of the switch.</param>
/// <param name="number">See <see cref="CandidateClient.Number"/>.</param>
/// <param name="cookie">To be set, name and value; null: the client has it, or is to get none.</param>
/// <param name="isTest">The response names the slot that made it.</param>
/// <param name="isPreview">The response is for this client alone.</param>
internal sealed class ClientChoice(CandidateKey key, int number, (string Name, string Value)? cookie, bool isTest, bool isPreview = false)
    : CandidateClient(key, number)
{
    /// <summary>Longer than any switch.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);

    /// <summary>Called when the app's response begins, with its headers in place.</summary>
    /// <param name="context">The request.</param>
    /// <param name="slot">The slot that responds.</param>
    public void Mark(HttpContext context, SlotName slot)
    {
        if (isTest)
        {
            context.Response.Headers[ClientChoices.Header] = slot.ToKey();
        }

        if (isPreview)
        {
            context.Response.Headers.CacheControl = "private, no-store"; // a cache in front would show it to everybody
        }

        // A shared cache would hand the number of one client to all others (RFC 9111 section 7.3).
        if (cookie is { } set && !IsShared(context.Response.Headers.CacheControl.ToString()))
        {
            context.Response.Cookies.Append(set.Name, set.Value, new CookieOptions
            {
                Path = "/",
                HttpOnly = true,
                SameSite = SameSiteMode.Lax,
                Secure = context.Request.IsHttps,
                MaxAge = Lifetime,
            });
        }
    }

    private static bool IsShared(string cacheControl) =>
        cacheControl.Contains("public", StringComparison.OrdinalIgnoreCase) || cacheControl.Contains("s-maxage", StringComparison.OrdinalIgnoreCase);
}
