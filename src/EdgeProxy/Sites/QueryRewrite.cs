using System.Text;
using EdgeProxy.Sites.Placeholders;

namespace EdgeProxy.Sites;

/// <summary>The query of a rewritten target, made as Caddy makes it (buildQueryString of modules/caddyhttp/rewrite/rewrite.go, 2.6): parameters that come
/// out empty are left out, <c>{query}</c> among the names stays as the client wrote it, and what else is filled in is encoded and never becomes a parameter
/// of its own.</summary>
internal sealed class QueryRewrite
{
    private const string Query = "{query}";

    private readonly (Template Name, bool IsQuery, Template? Value)[] _parameters;

    /// <param name="text">Behind the <c>?</c>.</param>
    /// <exception cref="FormatException">A placeholder is unknown.</exception>
    public QueryRewrite(string text) => _parameters =
    [
        .. text.Split('&').Select(parameter => parameter.Split('=', 2)).Select(parts => (
            Template.Parse(parts[0]),
            parts[0].Contains(Query, StringComparison.Ordinal),
            parts.Length > 1 ? Template.Parse(parts[1]) : null)),
    ];

    /// <returns>Without a <c>?</c>; empty: there is none.</returns>
    public string Expand(in RequestWords request)
    {
        var query = new StringBuilder();
        foreach (var (name, isQuery, value) in _parameters)
        {
            var parameter = name.Expand(request, isQuery ? Escaping.Target : Escaping.Parameter);
            if (value is not null)
            {
                parameter += "=" + value.Expand(request, Escaping.Parameter);
            }

            if (parameter.Length > 0)
            {
                query.Append(query.Length > 0 ? "&" : "").Append(parameter);
            }
        }

        return query.ToString();
    }
}
