using EdgeProxy.CaddyImport.Syntax;

namespace EdgeProxy.CaddyImport;

/// <summary>Directives that have no counterpart, and what to do without them.</summary>
internal static class Refusals
{
    private const string AsTheyCome = "of paths, rewrite and uri strip_prefix are translated, nothing else is changed; do it in the app's URLs";
    private const string Access = "access control is the app's task";
    private const string CaddyOne = "this is a Caddyfile of Caddy 1, which Caddy 2 does not read either; bring it to Caddy 2 first " +
        "(caddyserver.com/docs/v2-upgrade)";
    private const string Metrics = "GET /metrics of the admin address has EdgeProxy's";

    private static readonly Dictionary<string, string> _instead = new(StringComparer.Ordinal)
    {
        ["uri"] = AsTheyCome,
        ["method"] = AsTheyCome,
        ["forward_auth"] = Access,
        ["php_fastcgi"] = "slots speak HTTP; serve PHP by another server",
        ["templates"] = "files are sent as they are; let the app fill in templates",
        ["handle_errors"] = "error pages are for the whole site; write it at the site's level",
        ["metrics"] = Metrics,
        ["tracing"] = Metrics,
        ["acme_server"] = "EdgeProxy is no certificate authority for others; run one by itself (step-ca)",
        ["tls"] = "certificates are for the whole site; write it at the site's level",
        ["log"] = "the access log is for the whole site; write it at the site's level",
        ["bind"] = "addresses are for the whole site; write it at the site's level",
        ["map"] = AsTheyCome,
        ["vars"] = AsTheyCome,
        ["proxy"] = CaddyOne,
        ["gzip"] = CaddyOne,
        ["fastcgi"] = CaddyOne,
        ["websocket"] = CaddyOne,
        ["push"] = "browsers have given server push up; remove it",
    };

    /// <summary>What cannot be translated, why, and what to do instead.</summary>
    public static string Of(Statement directive) => _instead.TryGetValue(directive.Name.Text, out var instead)
        ? $"'{directive}' cannot be translated: {instead}"
        : $"'{directive}' cannot be translated: EdgeProxy has nothing like {directive.Name.Text}; remove it if it is not needed, else do it in the app";
}
