using System.Collections.Frozen;
using System.Diagnostics.Metrics;
using System.Globalization;
using EdgeProxy.Diagnostics.Metrics;

namespace EdgeProxy.Sites;

/// <summary>How many requests each route has served. Labels are names of the settings, and classes of status codes.</summary>
internal sealed class SiteMetrics : InstrumentSet
{
    /// <summary>The name of the instrument that has a series for each route.</summary>
    public const string Counter = "edgeproxy.site.requests";

    /// <summary>In place of a route's name where none took the request.</summary>
    private const string NoRoute = "none";

    private const int Classes = 6;

    private readonly FrozenDictionary<(string Site, string Route), long[]> _counts;

    public SiteMetrics(Meter meter, SiteTable sites)
    {
        _counts = sites.All
            .SelectMany(site => site.Routes.Select(route => route.Name).Append(NoRoute).Distinct(), (site, route) => (site.Name, route))
            .ToFrozenDictionary(route => route, _ => new long[Classes]);
        meter.CreateObservableCounter(
            Counter,
            Requests,
            "{request}",
            "Requests that sites have served, by site, route (none: no route took the request) and class of the status code (5xx).");
    }

    public void Count(SiteRequest request, int status) =>
        Interlocked.Increment(ref _counts[(request.SiteName, request.RouteName ?? NoRoute)][status / 100 is > 0 and < Classes and var @class ? @class : 0]);

    private IEnumerable<Measurement<long>> Requests()
    {
        foreach (var ((site, route), classes) in _counts)
        {
            for (var @class = 0; @class < Classes; @class++)
            {
                if (Interlocked.Read(ref classes[@class]) is > 0 and var count)
                {
                    yield return new(
                        count,
                        new("site", site),
                        new("route", route),
                        new KeyValuePair<string, object?>("code", string.Create(CultureInfo.InvariantCulture, $"{@class}xx")));
                }
            }
        }
    }
}
