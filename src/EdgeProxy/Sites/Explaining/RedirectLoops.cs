using System.Net;
using EdgeProxy.Configuration;
using EdgeProxy.Proxying;
using EdgeProxy.Sites.Matching;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Sites.Explaining;

/// <summary>Finds redirects that lead back to where they began, by following one request for each of them through all sites.</summary>
/// <param name="sites">Without an error.</param>
/// <param name="redirectsHttp">Clear text is sent on to https where a site allows it.</param>
internal sealed class RedirectLoops(IReadOnlyList<SiteOptions> sites, bool redirectsHttp)
{
    /// <summary>Browsers follow about as many (fetch.spec.whatwg.org, HTTP-redirect fetch).</summary>
    private const int MaxHops = 20;

    private readonly Site[] _sites = [.. sites.Select((site, index) => new Site(site, $"{index}", errorPages: null, routes: []))];
    private readonly RouteMatch[][] _matches = [.. sites.Select(site => site.Routes!.Select(route => new RouteMatch(route)).ToArray())];

    /// <summary>Warns of each redirect that is part of a loop, or leads into one.</summary>
    /// <param name="root">What the list belongs to.</param>
    /// <param name="list">Its key.</param>
    public void Check(SettingsScope root, string list)
    {
        for (var i = 0; i < sites.Count; i++)
        {
            for (var j = 0; j < sites[i].Routes!.Length; j++)
            {
                if (sites[i].Routes![j] is { Redirect: { } redirect } route && Sample(sites[i], route) is { } first && Follow(first, (i, j)) is { } way)
                {
                    root.In(list, i).In(nameof(SiteOptions.Routes), j).In(nameof(route.Redirect)).Warn(
                        nameof(redirect.To), $"is a redirect loop: {string.Join(" -> ", way.Take(4))}{(way.Count > 4 ? " -> ..." : "")}");
                }
            }
        }
    }

    /// <summary>A URL that the route is for.</summary>
    /// <returns>Null: none is plain to see.</returns>
    private Uri? Sample(SiteOptions site, SiteRouteOptions route)
    {
        var host = (route.Match?.Hosts is { Count: > 0 } asked ? asked : site.Hosts!)[0];
        host = host == AppHosts.Any ? "any.invalid" : host.Replace("*.", "any.", StringComparison.Ordinal);
        var pattern = route.Path is { Count: > 0 } paths ? paths[0] : "/*";
        var scheme = route.Match?.Scheme ?? (site.Scheme == SiteScheme.Https || (site.Scheme == SiteScheme.Both && redirectsHttp) ? "https" : "http");
        return pattern.AsSpan().ContainsAny("?[\\") ? null
            : Uri.TryCreate($"{scheme}://{host}{(pattern.StartsWith('*') ? "/" : "")}{Uri.EscapeDataString(pattern.Replace('*', 'x')).Replace("%2F", "/",
                StringComparison.Ordinal)}", UriKind.Absolute, out var url) ? url : null;
    }

    /// <returns>The way, where it ends in a circle; null: it does not, or another route takes the first request.</returns>
    private List<string>? Follow(Uri url, (int Site, int Route) begin)
    {
        var way = new List<string>();
        while (true)
        {
            if (way.Contains(url.AbsoluteUri) || way.Count > MaxHops)
            {
                way.Add(url.AbsoluteUri);
                return way;
            }

            way.Add(url.AbsoluteUri);
            if (!url.IsDefaultPort || Next(url, way.Count == 1 ? begin : null) is not { } next)
            {
                return null; // another server, or a response
            }

            url = next;
        }
    }

    /// <summary>Where a request is redirected to.</summary>
    /// <param name="only">By no other route; null: by any.</param>
    /// <returns>Null: it is not.</returns>
    private Uri? Next(Uri url, (int Site, int Route)? only)
    {
        var request = RequestOf(url);
        if (new SiteTable(_sites).Find(request) is not { } site)
        {
            return null;
        }

        if (redirectsHttp && !request.Request.IsHttps && !site.KeepsClearText)
        {
            return new Uri($"https://{url.Authority}{url.PathAndQuery}");
        }

        var index = Array.IndexOf(_sites, site);
        var routes = sites[index].Routes!;
        for (var i = 0; i < routes.Length; i++)
        {
            if (!routes[i].PassThru && RouteExplanation.Takes(_matches[index][i], request, url.PathAndQuery))
            {
                return routes[i].Redirect is not null && (only is null || only == (index, i))
                    && Uri.TryCreate(url, RouteExplanation.ResultOf(routes[i], request, url.PathAndQuery), out var next) ? next : null;
            }
        }

        return null;
    }

    private static DefaultHttpContext RequestOf(Uri url)
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Loopback;
        context.Connection.LocalIpAddress = IPAddress.Any;
        context.Connection.LocalPort = url.Port;
        context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = url.PathAndQuery;
        (context.Request.Method, context.Request.Scheme) = (HttpMethods.Get, url.Scheme);
        context.Request.Host = new HostString(url.IdnHost);
        context.Request.Path = PathString.FromUriComponent(url);
        context.Request.QueryString = QueryString.FromUriComponent(url);
        return context;
    }
}
