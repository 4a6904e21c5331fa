using EdgeProxy.Tests.Tls;

namespace EdgeProxy.Tests.Sites;

/// <summary>Sites in clear text and over TLS.</summary>
public sealed class SiteTlsTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_scheme_has_its_sites_and_clear_text_goes_to_https_unless_its_site_keeps_it()
    {
        var sites = SiteProxy.Load("""
            [ { "Hosts": "both.example", "Routes": [ { "Respond": { "Body": "both {scheme}" } } ] },
              { "Hosts": ["plain.example", "split.example"], "Scheme": "Http", "Routes": [ { "Respond": { "Body": "plain {scheme}" } } ] },
              { "Hosts": ["split.example", "tls.example"], "Scheme": "Https", "Routes": [ { "Respond": { "Body": "tls {scheme}" } } ] } ]
            """).Options!.Sites;
        string[] names = ["both.example", "plain.example", "split.example", "tls.example", "none.example"];
        await using var site = await TlsSite.StartAsync(names, configure: options => options.Sites = sites);

        Assert.Equal((308, "https://both.example"), await PlainAsync(site, "both.example"));
        Assert.Equal((200, "plain http"), await PlainAsync(site, "plain.example"));
        Assert.Equal((200, "plain http"), await PlainAsync(site, "split.example"));
        Assert.Equal((308, "https://tls.example"), await PlainAsync(site, "tls.example"));
        Assert.Equal((200, "both https"), await SecureAsync(site, "both.example"));
        Assert.Equal((200, "tls https"), await SecureAsync(site, "split.example"));
        Assert.Equal(421, (await SecureAsync(site, "plain.example")).Status);
        Assert.Equal(421, (await SecureAsync(site, "none.example")).Status);
    }

    private static async Task<(int Status, string Body)> PlainAsync(TlsSite site, string host)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = host } };
        using var response = await site.Proxy.Client.SendAsync(request, Cancellation);
        var body = await response.Content.ReadAsStringAsync(Cancellation);
        return ((int)response.StatusCode, response.Headers.Location is { } location ? $"https://{location.Host}" : body);
    }

    private static async Task<(int Status, string Body)> SecureAsync(TlsSite site, string host)
    {
        using var browser = site.Browser(host);
        using var response = await browser.GetAsync($"https://{host}:{site.Port}/", Cancellation);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation));
    }
}
