using EdgeProxy.Proxying.Candidates;
using EdgeProxy.Tls;

namespace EdgeProxy.Switching.Progressive;

/// <summary>The URL at which clients find the app, for preview links.</summary>
/// <param name="url">Null: not known.</param>
internal sealed class PreviewSite(Uri? url)
{
    /// <summary>The host that probes ask for, with https where there are certificates. A port other than the usual one is not known.</summary>
    /// <returns>Null: nothing says by what name the site is known.</returns>
    public static Uri? UrlOf(HealthOptions health, IEnumerable<string>? hosts, TlsOptions tls, string? allowedHosts)
    {
        var isHttps = tls.Acme.Domains is { Length: > 0 } || tls.Certificates is { Length: > 0 } || tls.Internal;
        var host = ProbeHost.Resolve(health, hosts, tls, allowedHosts);
        return host is not null && Uri.TryCreate($"{(isHttps ? "https" : "http")}://{host}/", UriKind.Absolute, out var url) ? url : null;
    }

    /// <param name="page">The page to begin with; null: the first one of the site.</param>
    /// <param name="token">See <see cref="PreviewToken"/>.</param>
    /// <returns>Null: the site is not known, or the page is no URL.</returns>
    public string? LinkOf(string? page, string token)
    {
        var target = page is null ? url : Uri.TryCreate(page, UriKind.Absolute, out var given) && given.Scheme is "http" or "https" ? given : null;
        return target is null
            ? null
            : $"{target.GetLeftPart(UriPartial.Query)}{(target.Query.Length > 0 ? '&' : '?')}{PreviewToken.Parameter}={token}";
    }
}
