using EdgeProxy.Configuration;
using EdgeProxy.Sites.BasicAuth;
using EdgeProxy.Sites.Placeholders;
using EdgeProxy.StaticFiles;

namespace EdgeProxy.Sites;

/// <summary>What a route does.</summary>
internal static class ActionRules
{
    private static readonly int[] _redirects = [301, 302, 303, 307, 308];

    public static void Check(SettingsScope at, SiteRouteOptions route)
    {
        CheckUpstreams(at, route);
        if (route.Redirect is { } redirect)
        {
            CheckRedirect(at.In(nameof(route.Redirect)), redirect, MatchRules.GroupsOf(route));
        }

        if (route.Respond is { } respond)
        {
            CheckRespond(at.In(nameof(route.Respond)), respond, MatchRules.GroupsOf(route));
        }

        if (route.Files is { } files)
        {
            StaticFilesRules.CheckFiles(at.In(nameof(route.Files)), files);
        }
    }

    public static void CheckBasicAuth(SettingsScope at, BasicAuthOptions options)
    {
        if (options.Users is not { Count: > 0 })
        {
            at.Error(nameof(options.Users), "is missing: { \"NAME\": \"$2a$14$...\" }, as caddy hash-password or htpasswd -nB print it");
        }

        foreach (var (user, hash) in options.Users ?? [])
        {
            var users = at.In(nameof(options.Users));
            if (user.Length == 0 || user.Any(char.IsControl))
            {
                users.Error(user, "must be for the name of a user, without a colon and control characters", isSecret: true); // RFC 7617 section 2
            }

            if (!BcryptHash.IsValid(hash))
            {
                users.Error(
                    user, "must be a bcrypt hash: $2a$14$ and 53 characters; what stands in a Caddyfile in base64 is to be decoded first", isSecret: true);
            }
            else if (BcryptHash.CostOf(hash) is < BcryptHash.MinCost or > BcryptHash.MaxCost)
            {
                users.Error(user, $"must have a cost from {BcryptHash.MinCost} to {BcryptHash.MaxCost}: one more doubles the CPU of a check", isSecret: true);
            }
        }

        if (options.Realm.AsSpan().ContainsAnyExceptInRange(' ', '~') || options.Realm.AsSpan().ContainsAny('"', '\\'))
        {
            at.Error(nameof(options.Realm), "must be ASCII without quotes and backslashes");
        }
    }

    private static void CheckUpstreams(SettingsScope at, SiteRouteOptions route)
    {
        at.Each(nameof(route.Upstreams), route.Upstreams, (scope, key, address) =>
        {
            if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps)
                || uri.PathAndQuery != "/" || uri.UserInfo.Length > 0 || uri.Fragment.Length > 0)
            {
                scope.Error(key, "must be http://HOST:PORT or https://HOST:PORT, without a path (StripPrefix and Rewrite change paths)");
            }
        });
        if (route.TryDuration is { } tries)
        {
            at.Range(nameof(route.TryDuration), tries, TimeSpan.Zero, TimeSpan.FromMinutes(5));
            if (route.Upstreams is not { Count: > 0 } || route.Upstreams.Any(address => !address.StartsWith("http://", StringComparison.OrdinalIgnoreCase)))
            {
                at.Error(nameof(route.TryDuration), "is for Upstreams, and http:// to all of them");
            }
        }

        if (route.UpstreamHealth is not { } health)
        {
            return;
        }

        var scope = at.In(nameof(route.UpstreamHealth));
        if (route.Upstreams is not { Count: > 0 })
        {
            scope.Error(nameof(health.Path), "is for Upstreams; a cluster has its own HealthCheck, and an app its probes");
        }

        if (!string.IsNullOrEmpty(health.Path))
        {
            scope.RequestPath(nameof(health.Path), health.Path);
        }

        scope.Range(nameof(health.Interval), health.Interval, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        scope.Range(nameof(health.Timeout), health.Timeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10));
        if (health.FailDuration is { } duration)
        {
            scope.Range(nameof(health.FailDuration), duration, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        }

        scope.Range(nameof(health.MaxFails), health.MaxFails, 1, 1000);
    }

    private static void CheckRedirect(SettingsScope at, RedirectOptions redirect, int groups)
    {
        if (!_redirects.Contains(redirect.Status))
        {
            at.Error(nameof(redirect.Status), $"must be one of {string.Join(", ", _redirects)}");
        }

        if (!at.Required(nameof(redirect.To), redirect.To, "a URL or a path, such as https://example.com{uri}"))
        {
            return;
        }

        HeaderRules.CheckTemplate(at, nameof(redirect.To), redirect.To!, groups);
        if (redirect.To!.Contains(' ', StringComparison.Ordinal))
        {
            at.Error(nameof(redirect.To), "must have no blank; write %20");
        }
        else if (!IsSafe(redirect.To))
        {
            at.Error(
                nameof(redirect.To),
                "must be a path that starts with /, {uri}, {path} or {re.1}, or a URL with http://, https:// or {scheme}:// whose host ends with a /, a ?, " +
                    "{uri} or {path}, so that no client chooses where it leads");
        }
    }

    /// <summary>Whether only the settings, and the host that was asked for, say where a redirect leads.</summary>
    internal static bool IsSafe(string to)
    {
        string[] schemes = ["http://", "https://", "{scheme}://", "//"];
        if (schemes.FirstOrDefault(scheme => to.StartsWith(scheme, StringComparison.Ordinal)) is not { } found)
        {
            return to.StartsWith('/') || to.StartsWith("{uri}", StringComparison.Ordinal) || to.StartsWith("{path}", StringComparison.Ordinal)
                || to.StartsWith("{re.", StringComparison.Ordinal); // a slash comes before it, see Redirect
        }

        var rest = to[found.Length..];
        foreach (var (literal, placeholder) in Parts(rest))
        {
            if (placeholder is "uri" or "path" || literal.AsSpan().ContainsAny("/?#"))
            {
                return true;
            }

            if (placeholder is not (null or "host" or "hostport"))
            {
                return false;
            }
        }

        return rest.Length > 0;
    }

    private static IEnumerable<(string Literal, string? Placeholder)> Parts(string text)
    {
        try
        {
            return Template.Parse(text).Parts;
        }
        catch (FormatException)
        {
            return [("/", null)]; // has been reported
        }
    }

    private static void CheckRespond(SettingsScope at, RespondOptions respond, int groups)
    {
        at.Range(nameof(respond.Status), respond.Status, 200, 599);
        if (!string.IsNullOrEmpty(respond.Body))
        {
            HeaderRules.CheckPlaceholders(at, nameof(respond.Body), respond.Body, groups);
            if (respond.Status is StatusCodes.Status204NoContent or StatusCodes.Status304NotModified)
            {
                at.Error(nameof(respond.Body), $"cannot be sent with status {respond.Status}");
            }
        }

        if (respond.Abort && (respond.AsError || !string.IsNullOrEmpty(respond.Body) || respond.Headers is { Count: > 0 }))
        {
            at.Error(nameof(respond.Abort), "is alone: nothing is sent");
        }

        if (respond.AsError)
        {
            at.Range(nameof(respond.Status), respond.Status, StatusCodes.Status400BadRequest, 599);
            foreach (var key in new[] { (nameof(respond.Body), string.IsNullOrEmpty(respond.Body)), (nameof(respond.ContentType), respond.ContentType is null),
                (nameof(respond.Headers), respond.Headers is not { Count: > 0 }) }.Where(key => !key.Item2))
            {
                at.Error(key.Item1, "is not for AsError: the error page of the status is sent (ErrorPages, ErrorResponses)");
            }
        }

        CheckContentType(at, nameof(respond.ContentType), respond.ContentType);
        HeaderRules.CheckFields(at.In(nameof(respond.Headers)), respond.Headers, groups: groups);
    }

    public static void CheckContentType(SettingsScope at, string key, string? contentType)
    {
        if (contentType is not null && !Microsoft.Net.Http.Headers.MediaTypeHeaderValue.TryParse(contentType, out _))
        {
            at.Error(key, "must be a media type, such as text/html; charset=utf-8");
        }
    }
}
