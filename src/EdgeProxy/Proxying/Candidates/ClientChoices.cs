using EdgeProxy.Clients;
using EdgeProxy.Slots;

namespace EdgeProxy.Proxying.Candidates;

/// <summary>Decides, once a client, whether it gets the candidate of a switch. Asked only while a candidate has a share of the traffic.</summary>
/// <param name="app">The name of the app: two on one host have a cookie each.</param>
/// <param name="testClients">Addresses and networks of clients that may choose by <see cref="Header"/>.</param>
/// <param name="time">The clock of previews.</param>
internal sealed class ClientChoices(string app, IReadOnlyCollection<string> testClients, TimeProvider time)
{
    /// <summary>The header by which a test chooses the slot, <c>blue</c> or <c>green</c>; its response names the slot that made it.</summary>
    public const string Header = "X-EdgeProxy-Slot";

    private readonly string _cookie = CookieOf(app);
    private readonly string _previewCookie = PreviewToken.CookieOf(app);
    private readonly TrustedProxies _testClients = new(testClients);

    /// <summary>The name of the cookie that keeps the number of a client.</summary>
    public static string CookieOf(string app) => $"edgeproxy-canary-{app}";

    public ClientChoice Of(HttpContext context, CandidateShare candidate)
    {
        var key = candidate.Key;
        if (context.Request.Headers[Header] is [{ } wanted]
            && SlotNameExtensions.TryParse(wanted, out var slot)
            && _testClients.Contains(context.Connection.RemoteIpAddress))
        {
            return new(key, slot == candidate.Slot.Name ? CandidateClient.Invited : CandidateClient.Never, cookie: null, isTest: true);
        }

        if (PreviewToken.Read(key, context.Request.Cookies[_previewCookie], time.GetUtcNow()) is not null)
        {
            CandidateResponse.Of(context).IsPrivate = true;
            return new(key, CandidateClient.Invited, cookie: null, isTest: false);
        }

        if (ClientNumber.Read(key, context.Request.Cookies[_cookie]) is { } known)
        {
            return new(key, known, cookie: null, isTest: false);
        }

        var number = ClientNumber.Draw(key, context.Connection.RemoteIpAddress, context.Request.Headers.Cookie.ToString());
        // While only invited clients get the candidate, no number is worth a cookie.
        return new(key, number, candidate.Share > 0 ? (_cookie, ClientNumber.Sign(key, number)) : null, isTest: false);
    }
}
