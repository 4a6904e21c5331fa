using EdgeProxy.Sites.Matching;
using EdgeProxy.Sites.Placeholders;

namespace EdgeProxy.Sites;

/// <summary>Changes path and query on the way to what serves them: a prefix taken off, then a new target.</summary>
/// <param name="stripPrefix">Null: none.</param>
/// <param name="rewrite">Null: none.</param>
internal sealed class TargetRewrite(string? stripPrefix, string? rewrite)
{
    private readonly Template? _path = rewrite is null ? null : Template.Parse(rewrite.Split('?', 2)[0]);
    private readonly QueryRewrite? _query = rewrite?.Split('?', 2) is [_, var query] ? new QueryRewrite(query) : null;

    /// <returns>Null: the route changes nothing.</returns>
    public static TargetRewrite? Of(SiteRouteOptions options)
    {
        var stripPrefix = string.IsNullOrEmpty(options.StripPrefix) ? null : options.StripPrefix;
        var rewrite = string.IsNullOrEmpty(options.Rewrite) ? null : options.Rewrite;
        return stripPrefix is null && rewrite is null ? null : new TargetRewrite(stripPrefix, rewrite);
    }

    public void Apply(HttpContext context, SiteRequest request)
    {
        if (stripPrefix is not null)
        {
            request.Target = Strip(request.Target, stripPrefix);
        }

        if (_path is not null)
        {
            request.Target = Rewrite(_path, new RequestWords(context, request.Target));
        }
    }

    /// <summary>As Caddy does: doubled slashes become single ones, and the prefix is compared decoded and without letter case.</summary>
    /// <returns>Begins with a slash.</returns>
    internal static string Strip(string target, string prefix)
    {
        var path = RequestPath.Of(target);
        var query = target[path.Length..];
        var merged = MergeSlashes(path.ToString());
        var (taken, compared) = (0, 0);
        while (compared < prefix.Length && taken < merged.Length)
        {
            var isEscape = merged[taken] == '%' && taken + 2 < merged.Length && prefix[compared] != '%';
            var decoded = RequestPath.Decode(merged.AsSpan(taken, isEscape ? 3 : 1));
            if (decoded.Length != 1 || char.ToUpperInvariant(decoded[0]) != char.ToUpperInvariant(prefix[compared]))
            {
                return merged + query;
            }

            taken += isEscape ? 3 : 1;
            compared++;
        }

        if (compared < prefix.Length)
        {
            return merged + query;
        }

        var rest = merged[taken..];
        return (rest.StartsWith('/') ? rest : "/" + rest) + query;
    }

    private string Rewrite(Template path, in RequestWords before)
    {
        var made = path.Expand(before, Escaping.Target);
        made = made.StartsWith('/') ? made : "/" + made;
        if (_query is not null)
        {
            var query = _query.Expand(before);
            made = RequestPath.Of(made).ToString(); // the query that is written counts, and not that of {uri}
            return query.Length == 0 ? made : $"{made}?{query}";
        }

        return made.Contains('?', StringComparison.Ordinal) ? made // {uri} brings its query with it
            : made + before.Target[RequestPath.Of(before.Target).Length..];
    }

    private static string MergeSlashes(string path)
    {
        while (path.Contains("//", StringComparison.Ordinal))
        {
            path = path.Replace("//", "/", StringComparison.Ordinal);
        }

        return path;
    }
}
