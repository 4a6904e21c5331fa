using EdgeProxy.Configuration;
using EdgeProxy.Http;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.Sites.Explaining;

/// <summary>One condition of a route, and whether a request meets it.</summary>
/// <param name="Key">As in the settings: <c>Path</c>, <c>Match:Methods</c>, <c>Match:Not:0</c>.</param>
/// <param name="Value">What is asked for.</param>
/// <param name="Holds">Of <c>Not</c> and <c>ClientNotIn</c>: the request is let through.</param>
internal sealed record ConditionResult(string Key, string Value, bool Holds);

/// <summary>A route, and what it makes of a request.</summary>
/// <param name="Name">As in metrics and the access log.</param>
/// <param name="Does">What it does with requests that it takes: <c>App app</c>, <c>Files /srv/dist</c>.</param>
/// <param name="Takes">All conditions hold.</param>
/// <param name="Conditions">Empty: it takes every request.</param>
internal sealed record RouteResult(string Name, string Does, bool Takes, IReadOnlyList<ConditionResult> Conditions);

/// <summary>Says why a route takes a request or not, with the very conditions that serve requests.</summary>
internal static class RouteExplanation
{
    /// <param name="route">Checked.</param>
    /// <param name="name">Its name.</param>
    /// <param name="request">The request.</param>
    /// <param name="target">Its path and query as they came.</param>
    public static RouteResult Of(SiteRouteOptions route, string name, HttpContext request, string target) =>
        new(name, ActionOf(route), Takes(new RouteMatch(route), request, target), [.. ConditionsOf(route, request, target)]);

    /// <summary>What a route does, as one line.</summary>
    public static string ActionOf(SiteRouteOptions route) => (route.BasicAuth is null ? "" : "BasicAuth, then ") + EndOf(route);

    private static string EndOf(SiteRouteOptions route) =>
        !string.IsNullOrEmpty(route.App) ? $"App {route.App}"
        : !string.IsNullOrEmpty(route.Cluster) ? $"Cluster {route.Cluster}"
        : route.Upstreams is { Count: > 0 } upstreams ? $"Upstreams {string.Join(", ", upstreams)}"
        : route.Files is { } files ? $"Files {files.Root}{(route.PassThru ? ", and what is not there goes on" : "")}"
        : route.Redirect is { } redirect ? $"Redirect {redirect.Status} {redirect.To}"
        : route.Respond!.Abort ? "Respond with nothing: the connection is closed"
        : $"Respond {route.Respond.Status}{(route.Respond.AsError ? ", as an error" : "")}";

    /// <summary>The conditions of a route, for a list of all routes.</summary>
    public static IEnumerable<(string Key, string Value)> DescribeConditions(SiteRouteOptions route) =>
        PartsOf(route).Select(part => (part.Key, part.Value));

    /// <summary>What comes of a request that a route takes: the target that is forwarded or looked for, where a redirect leads, a fixed response's
    /// body.</summary>
    public static string ResultOf(SiteRouteOptions route, HttpContext request, string target)
    {
        var changed = new SiteRequest(request, "", siteHeaders: null, target);
        changed.Enter("", headers: null, new RouteMatch(route));
        request.Features.Set<ISiteRequest>(changed);
        TargetRewrite.Of(route)?.Apply(request, changed);
        return route.Redirect is { } redirect ? new Redirect(redirect).Location(changed.Current)
            : route.Respond is { } respond ? respond.Body ?? ""
            : changed.Target;
    }

    /// <summary>The users that get it, where a password is asked for; null: everybody.</summary>
    public static string? AccessOf(SiteRouteOptions route) => route.BasicAuth is not { } basicAuth ? null
        : $"for a user with the password ({string.Join(", ", (basicAuth.Users ?? []).Keys.Order(StringComparer.Ordinal))}); 401 for all others";

    private static IEnumerable<ConditionResult> ConditionsOf(SiteRouteOptions route, HttpContext request, string target) =>
        PartsOf(route).Select(part => new ConditionResult(part.Key, part.Value, Takes(new RouteMatch(part.Alone), request, target)));

    /// <summary>Whether all conditions hold.</summary>
    /// <param name="target">Path and query as they came.</param>
    public static bool Takes(RouteMatch match, HttpContext request, string target) =>
        match.Takes(request, RequestPath.Read(RequestPath.Of(target), new char[2 * target.Length]));

    /// <summary>Each condition in a route of its own.</summary>
    private static IEnumerable<(string Key, string Value, SiteRouteOptions Alone)> PartsOf(SiteRouteOptions route)
    {
        if (route.Path is { Count: > 0 } path)
        {
            yield return (nameof(route.Path), Text(path), new SiteRouteOptions { Path = path });
        }

        var match = route.Match ?? new MatchOptions();
        foreach (var (key, value, alone) in ConditionPartsOf(match))
        {
            yield return ($"{nameof(route.Match)}:{key}", value, new SiteRouteOptions { Match = alone });
        }

        if (match.ClientNotIn is { Count: > 0 } clients)
        {
            var alone = new SiteRouteOptions { Match = new MatchOptions { ClientNotIn = clients } };
            yield return ($"{nameof(route.Match)}:{nameof(match.ClientNotIn)}", Text(clients), alone);
        }

        for (var i = 0; i < (match.Not?.Length ?? 0); i++)
        {
            var not = match.Not![i];
            var what = ConditionPartsOf(not).Select(part => $"{part.Key} {part.Value}");
            what = not.Path is { Count: > 0 } ? what.Prepend($"{nameof(not.Path)} {Text(not.Path)}") : what;
            yield return (
                $"{nameof(route.Match)}:{nameof(match.Not)}:{i}",
                string.Join(" and ", what),
                new SiteRouteOptions { Match = new MatchOptions { Not = [not] } });
        }
    }

    private static IEnumerable<(string Key, string Value, MatchOptions Alone)> ConditionPartsOf(ConditionOptions options)
    {
        if (options.Hosts is { Count: > 0 } hosts)
        {
            yield return (nameof(options.Hosts), Text(hosts), new MatchOptions { Hosts = hosts });
        }

        if (options.Methods is { Count: > 0 } methods)
        {
            yield return (nameof(options.Methods), Text(methods), new MatchOptions { Methods = methods });
        }

        foreach (var (name, values) in options.Headers ?? [])
        {
            yield return ($"{nameof(options.Headers)}:{name}", Text(values), new MatchOptions { Headers = new() { [name] = values } });
        }

        foreach (var (name, values) in options.Query ?? [])
        {
            yield return ($"{nameof(options.Query)}:{name}", Text(values), new MatchOptions { Query = new() { [name] = values } });
        }

        if (options.PathRegex is { Count: > 0 } regexes)
        {
            yield return (nameof(options.PathRegex), Text(regexes), new MatchOptions { PathRegex = regexes });
        }

        foreach (var (name, values) in options.HeaderRegex ?? [])
        {
            yield return ($"{nameof(options.HeaderRegex)}:{name}", Text(values), new MatchOptions { HeaderRegex = new() { [name] = values } });
        }

        if (options.FileExists is { Count: > 0 } files)
        {
            yield return (nameof(options.FileExists), Text(files), new MatchOptions { FileExists = files });
        }

        if (options.ClientIn is { Count: > 0 } clients)
        {
            yield return (nameof(options.ClientIn), Text(clients), new MatchOptions { ClientIn = clients });
        }

        if (options.Scheme is { } scheme)
        {
            yield return (nameof(options.Scheme), scheme, new MatchOptions { Scheme = scheme });
        }
    }

    private static string Text(TextList values) => string.Join(", ", values);
}
