using System.Net;
using System.Text;
using EdgeProxy.Clients;
using EdgeProxy.Proxying;
using EdgeProxy.Settings;
using EdgeProxy.Sites;
using EdgeProxy.Sites.Explaining;
using EdgeProxy.Sites.Matching;
using EdgeProxy.StaticFiles;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Explaining;

/// <summary>Which route serves a request, and why: every step, by the settings alone.</summary>
/// <param name="Url">The request's.</param>
/// <param name="Method">The request's.</param>
/// <param name="Before">What happens before a route is looked for, a sentence each.</param>
/// <param name="Site">The site of the host; null: none, and <paramref name="Result"/> says what the client gets.</param>
/// <param name="Routes">In the order in which they are tried, up to the one that takes the request.</param>
/// <param name="Takes">The name of the route that takes it; null: none.</param>
/// <param name="Result">What comes of it.</param>
internal sealed record RequestExplanation(
    string Url, string Method, IReadOnlyList<string> Before, string? Site, IReadOnlyList<RouteResult> Routes, string? Takes, string Result)
{
    /// <param name="options">Checked.</param>
    /// <param name="allowedHosts"><c>AllowedHosts</c>, as it is written.</param>
    /// <param name="url">An absolute URL, as the client would send it.</param>
    /// <param name="method">The method.</param>
    /// <param name="fields">The header.</param>
    /// <param name="client">The client's address.</param>
    public static RequestExplanation Of(
        EdgeProxyOptions options, string? allowedHosts, Uri url, string method, IReadOnlyList<(string Name, string Value)> fields, IPAddress client)
    {
        var target = TargetOf(url);
        var request = RequestOf(url, target, method, fields, client);
        var before = new List<string>();
        var refusal = RefusalOf(request, target, allowedHosts);
        if (refusal is not null)
        {
            return new(url.OriginalString, method, before, Site: null, [], Takes: null, refusal);
        }

        var sites = options.Sites ?? [];
        var names = SiteNames.Of(sites);
        var site = new SiteTable([.. sites.Select((site, index) => new Site(site, names[index], errorPages: null, routes: []))]).Find(request);
        if (!request.Request.IsHttps && options.Tls.RedirectHttp && site is not { KeepsClearText: true })
        {
            before.Add($"Where a certificate for {url.Host} is loaded, http is redirected to https (308, Tls:RedirectHttp), and nothing below happens.");
        }

        return sites.Length == 0 ? OfTopLevel(options, url, request, before)
            : site is null ? new(url.OriginalString, method, before, Site: null, [], Takes: null, $"421: no site is served under {url.Authority}")
            : OfSite(sites.Zip(names).Single(named => named.Second == site.Name).First, site.Name, url, request, target, before);
    }

    private static RequestExplanation OfSite(SiteOptions site, string name, Uri url, HttpContext request, string target, List<string> before)
    {
        var method = request.Request.Method;
        var routeNames = SiteNames.OfRoutes(site);
        var results = new List<RouteResult>();
        for (var i = 0; i < site.Routes!.Length; i++)
        {
            results.Add(RouteExplanation.Of(site.Routes[i], routeNames[i], request, target));
            if (results[^1].Takes && !site.Routes[i].PassThru)
            {
                var result = RouteExplanation.ResultOf(site.Routes[i], request, target);
                var access = RouteExplanation.AccessOf(site.Routes[i]);
                var end = $"{results[^1].Does}: {result}".TrimEnd(':', ' ') + (access is null ? "" : $", {access}");
                return new(url.OriginalString, method, before, name, results, routeNames[i], end);
            }
        }

        return new(url.OriginalString, method, before, name, results, Takes: null, "404: no route of the site takes it");
    }

    /// <summary>Without sites: static paths, the longest first, then the app of the host.</summary>
    private static RequestExplanation OfTopLevel(EdgeProxyOptions options, Uri url, HttpContext request, List<string> before)
    {
        var path = StaticFileResponder.PathOf(request);
        var form = StaticFileResponder.FormOf(request, path);
        var results = new List<RouteResult>();
        var method = request.Request.Method;
        foreach (var files in (options.StaticFiles ?? []).OrderByDescending(files => files.Path!.TrimEnd('/').Length))
        {
            var mount = new StaticMount(files);
            var own = mount.OwnPath(path, form);
            var takes = own is not null;
            results.Add(new(files.Path!, $"Files {files.Root}", takes, [new("StaticFiles:Path", files.Path!, takes)]));
            if (takes)
            {
                return new(url.OriginalString, method, before, "*", results, files.Path, $"Files {files.Root}: {own![mount.Path.Length..]}");
            }
        }

        before.Add("Routes of ReverseProxy:Routes, if there are any, are tried before the app by YARP, and are not looked at here.");
        var apps = options.AllApps();
        var hosts = apps.SelectMany(app => app.Options.Hosts ?? [], (app, host) => (host, app.Identity)).ToList();
        var app = apps.Count == 1 ? apps[0].Identity : new AppHosts<Slots.AppIdentity>(hosts).Find(request.Request.Headers.Host.ToString());
        if (app is null)
        {
            return new(url.OriginalString, method, before, "*", results, Takes: null, $"421: no app has the host {url.Host} (Apps:NAME:Hosts)");
        }

        var ofApp = string.Join(", ", hosts.Where(host => host.Identity == app).Select(host => host.host));
        results.Add(new("app", $"App {app.Name}", Takes: true, apps.Count == 1 ? [] : [new("Hosts", ofApp, Holds: true)]));
        return new(url.OriginalString, method, before, "*", results, "app", $"App {app.Name}: {TargetOf(url)}");
    }

    /// <summary>What is refused before a route is looked for.</summary>
    private static string? RefusalOf(HttpContext request, string target, string? allowedHosts)
    {
        if (RequestTarget.HasDotSegment(target))
        {
            return "400: the path has a . or .. segment (of an encoded one, too)";
        }

        if (RequestTarget.HasForeignCharacter(target))
        {
            return "400: path or query has a character that no request target may have (RFC 9112 section 3.2): clients encode it";
        }

        var hosts = (allowedHosts ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return hosts.Length == 0 || hosts.Contains("*")
            || HostString.MatchesAny(AppHosts.Of(request.Request).ToString(), [.. hosts.Select(host => new StringSegment(host))])
            ? null
            : $"400: {request.Request.Headers.Host} is not in AllowedHosts ({string.Join(", ", hosts)})";
    }

    /// <summary>As it is written: a <see cref="Uri"/> resolves dot segments, which a client need not.</summary>
    private static string TargetOf(Uri url)
    {
        var text = url.OriginalString;
        var start = text.IndexOfAny(['/', '?', '#'], text.IndexOf("://", StringComparison.Ordinal) + 3);
        var target = start < 0 ? "/" : string.Concat(text[start..].Split('#')[0].EnumerateRunes().Select(AsSent));
        return target.StartsWith('/') ? target : $"/{target}";
    }

    /// <summary>What is not ASCII, and a blank, every client encodes.</summary>
    private static string AsSent(Rune rune) => rune.IsAscii && rune.Value != ' ' ? rune.ToString() : Uri.EscapeDataString(rune.ToString());

    /// <summary>As the server has it: in the form of DNS (xn--), small, without the dot of the root.</summary>
    private static string HostOf(Uri url)
    {
        var host = (url.HostNameType == UriHostNameType.IPv6 ? url.Host : url.IdnHost) + (url.IsDefaultPort ? "" : $":{url.Port}");
        return HostHeader.TryNormalize(host, out var normalized) ? normalized : host;
    }

    private static DefaultHttpContext RequestOf(Uri url, string target, string method, IReadOnlyList<(string Name, string Value)> fields, IPAddress client)
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = client;
        context.Connection.LocalIpAddress = IPAddress.Any;
        context.Connection.LocalPort = url.Port;
        context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = target;
        var request = context.Request;
        request.Method = method;
        request.Scheme = url.Scheme;
        request.Host = new HostString(HostOf(url));
        request.Path = PathString.FromUriComponent(RequestPath.Of(target).ToString());
        request.QueryString = new QueryString(target[RequestPath.Of(target).Length..]);
        foreach (var (name, value) in fields)
        {
            request.Headers.Append(name, value);
        }

        return context;
    }
}
