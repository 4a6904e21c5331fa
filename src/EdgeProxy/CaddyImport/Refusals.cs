using EdgeProxy.CaddyImport.Syntax;

namespace EdgeProxy.CaddyImport;

/// <summary>Directives that have no counterpart, and what to do without them.</summary>
internal static class Refusals
{
    private const string AnswersOfItsOwn = "EdgeProxy has no answers of its own but for errors; let the app answer";
    private const string AsTheyCome = "requests reach the app as they come; do it in the app's URLs";
    private const string Access = "who may see what is the app's to check";
    private const string Metrics = "GET /metrics of the admin address has EdgeProxy's";

    private static readonly Dictionary<string, string> _instead = new(StringComparer.Ordinal)
    {
        ["redir"] = "EdgeProxy redirects only http to https, which it does by itself; let the app do the rest (Django: RedirectView, PREPEND_WWW)",
        ["rewrite"] = AsTheyCome,
        ["uri"] = AsTheyCome,
        ["method"] = AsTheyCome,
        ["try_files"] = "a static path answers 404 for what is not there; put files below a path of their own, and let the app answer the rest",
        ["basicauth"] = Access,
        ["basic_auth"] = Access,
        ["forward_auth"] = Access,
        ["php_fastcgi"] = "slots speak HTTP; serve PHP by another server",
        ["respond"] = AnswersOfItsOwn,
        ["error"] = AnswersOfItsOwn,
        ["abort"] = AnswersOfItsOwn,
        ["templates"] = AnswersOfItsOwn,
        ["handle_errors"] = "the app's error pages pass as they are, and EdgeProxy's own are small and fixed; remove it",
        ["request_header"] = "the app sees the visitor's request with X-Forwarded-For, -Host, -Proto and X-Request-ID, and no other field is added or removed",
        ["request_body"] = "a limit of request bodies is for the whole site; write it there, without a matcher, as 'request_body { max_size 10MB }'",
        ["metrics"] = Metrics,
        ["tracing"] = Metrics,
        ["acme_server"] = "EdgeProxy is no certificate authority for others; run one by itself (step-ca)",
        ["tls"] = "certificates are for the whole site; write it at the site's level",
        ["log"] = "the access log is for the whole site; write it at the site's level",
        ["bind"] = "addresses are for the whole site; write it at the site's level",
        ["map"] = AsTheyCome,
        ["vars"] = AsTheyCome,
        ["push"] = "browsers have given server push up; remove it",
    };

    /// <summary>What cannot be translated, why, and what to do instead.</summary>
    public static string Of(Statement directive) => _instead.TryGetValue(directive.Name.Text, out var instead)
        ? $"'{directive}' cannot be translated: {instead}"
        : $"'{directive}' cannot be translated: EdgeProxy has nothing like {directive.Name.Text}; remove it if it is not needed, else do it in the app";
}
