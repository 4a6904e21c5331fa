using EdgeProxy.Clients;
using EdgeProxy.Configuration;
using EdgeProxy.Proxying;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.Sites;

/// <summary>The conditions of a route.</summary>
internal static class MatchRules
{
    /// <returns>Whether they can be used.</returns>
    public static bool Check(SettingsScope at, SiteRouteOptions route)
    {
        var isUsable = CheckPaths(at, route.Path);
        if (route.Match is not { } match)
        {
            return isUsable;
        }

        var scope = at.In(nameof(route.Match));
        isUsable &= CheckCondition(scope, match) & CheckNetworks(scope, nameof(match.ClientNotIn), match.ClientNotIn);
        for (var i = 0; i < (match.Not?.Length ?? 0); i++)
        {
            var not = scope.In(nameof(match.Not), i);
            isUsable &= CheckPaths(not, match.Not![i].Path) & CheckCondition(not, match.Not[i]);
            if (IsEmpty(match.Not[i]))
            {
                not.Error(nameof(NotOptions.Path), "is missing: without a condition it keeps every request from the route");
            }
        }

        return isUsable;
    }

    /// <summary>How many groups each regular expression for the path of a route has that can be filled in; -1: there is none.</summary>
    public static int GroupsOf(SiteRouteOptions route) => route.Match?.PathRegex is { Count: > 0 } patterns
        ? patterns.Min(pattern => SafeRegex.GroupsOf(pattern)?.Count ?? 0) : -1;

    private static bool IsEmpty(NotOptions not) => not is
    {
        Path: null or { Count: 0 }, Hosts: null or { Count: 0 }, Methods: null or { Count: 0 }, Headers: null or { Count: 0 }, Query: null or { Count: 0 },
        ClientIn: null or { Count: 0 }, PathRegex: null or { Count: 0 }, HeaderRegex: null or { Count: 0 }, Scheme: null,
        FileExists: null or { Count: 0 },
    };

    private static bool CheckPaths(SettingsScope at, TextList? paths)
    {
        at.Each(nameof(SiteRouteOptions.Path), paths, (scope, key, path) =>
        {
            if (path.IndexOf('?', StringComparison.Ordinal) is >= 0 and var mark && path.IndexOf('=', mark) >= 0)
            {
                scope.Warn(key, "looks like a path with a query, and a ? in a pattern is any one character; the condition for a query is Match:Query");
            }
        });
        return CheckEach(at, nameof(SiteRouteOptions.Path), paths, PathPattern.FindFault);
    }

    private static bool CheckCondition(SettingsScope at, ConditionOptions condition)
    {
        var isUsable = CheckEach(at, nameof(condition.Hosts), condition.Hosts, host => AppHosts.IsValid(host) ? null : $"must be {AppHosts.Allowed}");
        isUsable &= CheckEach(at, nameof(condition.Methods), condition.Methods, method => method switch
        {
            "" => "must be a method, such as GET",
            _ when method.Any(char.IsAsciiLetterLower) && HttpMethods.GetCanonicalizedValue(method.ToUpperInvariant()) is { } usual && usual != method =>
                $"is no method that clients use: methods have a letter case (RFC 9110 section 9.1); write {method.ToUpperInvariant()}",
            _ => null,
        });
        isUsable &= CheckNetworks(at, nameof(condition.ClientIn), condition.ClientIn);
        isUsable &= CheckEach(at, nameof(condition.PathRegex), condition.PathRegex, SafeRegex.FindFault);
        isUsable &= CheckEach(at, nameof(condition.FileExists), condition.FileExists, FileTest.FindFault);
        CheckFields(at, nameof(condition.HeaderRegex), condition.HeaderRegex, isHeader: true);
        foreach (var (name, patterns) in condition.HeaderRegex ?? [])
        {
            isUsable &= CheckEach(at.In(nameof(condition.HeaderRegex)), name, patterns, SafeRegex.FindFault);
        }

        CheckFields(at, nameof(condition.Headers), condition.Headers, isHeader: true);
        CheckFields(at, nameof(condition.Query), condition.Query, isHeader: false);
        if (condition.Scheme is not (null or "http" or "https"))
        {
            at.Error(nameof(condition.Scheme), "must be http or https, or null");
        }

        return isUsable;
    }

    private static void CheckFields(SettingsScope above, string key, Dictionary<string, TextList>? fields, bool isHeader)
    {
        foreach (var (name, values) in fields ?? [])
        {
            var at = above.In(key);
            if (values is not { Count: > 0 })
            {
                at.Error(name, "has no value: \"*\" means that it is there, and Match:Not that it is not");
            }
            else if (isHeader && RequestFields.AreRemoved(name))
            {
                at.Error(name, "is removed from what clients send, as it could be anything: use Match:ClientIn or Match:Scheme");
            }
        }
    }

    private static bool CheckNetworks(SettingsScope at, string key, TextList? networks) => CheckEach(
        at,
        key,
        networks,
        entry => TrustedProxies.TryParse(entry, out _) ? null : "must be an address or a network, such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32");

    private static bool CheckEach(SettingsScope at, string key, TextList? texts, Func<string, string?> findFault)
    {
        var isUsable = true;
        at.Each(key, texts, (scope, element, text) =>
        {
            if (findFault(text) is { } fault)
            {
                scope.Error(element, fault);
                isUsable = false;
            }
        });
        return isUsable;
    }
}
