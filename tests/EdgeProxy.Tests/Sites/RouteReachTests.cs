using System.Net;
using EdgeProxy.Configuration;
using EdgeProxy.Sites;
using EdgeProxy.Sites.Explaining;
using EdgeProxy.Sites.Matching;
using EdgeProxy.Sites.Reaching;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Tests.Sites;

/// <summary>What is said of routes that nothing reaches is compared with the matcher that serves.</summary>
public sealed class RouteReachTests
{
    private static readonly string[] _paths = ["/a", "/a/*", "/a/b/*", "/a*", "/*", "*", "*.x", "/a/*/x", "/[ab]", "*b*", "/c.x", "/A/B/c"];
    private static readonly string[] _targets =
        ["/", "/a", "/A", "/ab", "/b", "/a/", "/a/b", "/a/b/", "/a/b/c", "/a/b/x", "/a//b", "/c.x", "/a/c.x", "/d/b.x", "//a"];
    private static readonly string[] _hosts = ["a.example", "b.example", "*.example", "*"];
    private static readonly string[] _networks = ["127.0.0.0/8", "127.0.0.1", "10.0.0.0/8", "::1"];
    private static readonly string[] _values = ["1", "12", "1*", "*2", "*1*", "*"];

    /// <summary>Sites, routes and requests by chance, of words that have much to do with each other.</summary>
    [Fact]
    public void No_route_that_is_reached_is_said_not_to_be()
    {
        var random = new Random(20_26);
        var (proved, silent) = (0, 0);
        var requests = Enumerable.Range(0, 1500).Select(_ => Request(random)).ToList();
        for (var i = 0; i < 600; i++)
        {
            var site = new SiteOptions
            {
                Hosts = new TextList { "a.example", Pick(random, _hosts[1..]) },
                Scheme = random.Next(3) == 0 ? SiteScheme.Https : SiteScheme.Both,
            };
            var routes = Enumerable.Range(0, random.Next(2, 7)).Select(_ => Route(random)).ToArray();
            var matches = routes.Select(route => new RouteMatch(route)).ToArray();
            var own = requests.Where(request => site.Hosts.Exists(host => SiteHosts.Matches(host, request.Request.Host.Host))
                && (site.Scheme == SiteScheme.Both || request.Request.IsHttps)).ToList();
            var reached = own.Select(request => Array.FindIndex(matches, match => RouteExplanation.Takes(match, request, TargetOf(request)))).ToHashSet();
            var reach = new RouteReach(site);
            for (var route = 0; route < routes.Length; route++)
            {
                var isProved = reach.IsContradictory(routes[route]) || reach.FindTakers(routes[route], routes[..route]).Count > 0;
                Assert.False(isProved && reached.Contains(route), $"site {i}, route {route}");
                proved += isProved ? 1 : 0;
                silent += !isProved && !reached.Contains(route) ? 1 : 0;
            }
        }

        Figures.Report($"of {proved + silent} routes that no request reached {proved} were found");
        Assert.True(proved > 100, $"{proved} of {proved + silent}");
    }

    [Fact]
    public void Many_routes_are_looked_at_in_no_time()
    {
        var random = new Random(1);
        var routes = Enumerable.Range(0, 150).Select(_ => Route(random)).ToArray();
        var reach = new RouteReach(new SiteOptions { Hosts = "a.example" });
        var clock = System.Diagnostics.Stopwatch.StartNew();

        for (var i = 0; i < routes.Length; i++)
        {
            reach.FindTakers(routes[i], routes[..i]);
        }

        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), $"{clock.Elapsed}"); // a busy machine
    }

    private static SiteRouteOptions Route(Random random) => new()
    {
        Path = random.Next(4) == 0 ? null : List(random, _paths),
        Match = Condition(random, new MatchOptions
        {
            ClientNotIn = random.Next(8) == 0 ? List(random, _networks) : null,
            Not = random.Next(4) == 0 ? [Condition(random, new NotOptions { Path = List(random, _paths) }, rarely: 12)] : null,
        }),
    };

    private static T Condition<T>(Random random, T condition, int rarely = 5)
        where T : ConditionOptions
    {
        condition.Hosts = random.Next(rarely) == 0 ? List(random, _hosts) : null;
        condition.Methods = random.Next(rarely) == 0 ? List(random, ["GET", "POST", "PUT"]) : null;
        condition.Scheme = random.Next(rarely) == 0 ? Pick(random, ["http", "https"]) : null;
        condition.ClientIn = random.Next(rarely) == 0 ? List(random, _networks) : null;
        condition.Headers = random.Next(rarely) == 0 ? new() { [Pick(random, ["X-A", "x-a"])] = List(random, _values) } : null;
        condition.Query = random.Next(rarely) == 0 ? new() { ["q"] = List(random, _values) } : null;
        condition.PathRegex = random.Next(2 * rarely) == 0 ? List(random, ["a", "^/a"]) : null;
        condition.FileExists = random.Next(2 * rarely) == 0 ? List(random, ["/etc/passwd", "/etc/", "/etc{path}", "/nothing/here"]) : null;
        return condition;
    }

    private static DefaultHttpContext Request(Random random)
    {
        var context = new DefaultHttpContext();
        var target = Pick(random, _targets) + Pick(random, ["", "?q=1", "?q=12", "?q=21&q=1", "?r"]);
        context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = target;
        context.Request.Method = Pick(random, ["GET", "POST", "PUT", "get"]);
        context.Request.Scheme = Pick(random, ["http", "https"]);
        context.Request.Host = new HostString(Pick(random, ["a.example", "b.example", "A.Example", "x.b.example", "c.example", "other"]));
        context.Request.QueryString = target.Split('?') is [_, var query] ? new QueryString($"?{query}") : QueryString.Empty;
        context.Connection.RemoteIpAddress = random.Next(8) == 0 ? null
            : IPAddress.Parse(Pick(random, ["127.0.0.1", "127.0.0.2", "10.1.1.1", "::1", "192.0.2.1"]));
        if (random.Next(2) == 0)
        {
            context.Request.Headers["X-A"] = random.Next(4) == 0 ? new StringValues(["1", "32"]) : Pick(random, ["", "1", "12", "2", "21"]);
        }

        return context;
    }

    private static string TargetOf(HttpContext request) => request.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;

    private static string Pick(Random random, string[] from) => from[random.Next(from.Length)];

    private static TextList List(Random random, string[] from) => [.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => Pick(random, from)).Distinct()];
}
