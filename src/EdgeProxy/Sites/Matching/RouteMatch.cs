using System.Net;

namespace EdgeProxy.Sites.Matching;

/// <summary>Which requests a route takes. Immutable.</summary>
internal sealed class RouteMatch
{
    private readonly RequestCondition _condition;
    private readonly IPNetwork[] _clientNotIn;
    private readonly RequestCondition[] _not;

    /// <param name="options">Checked.</param>
    public RouteMatch(SiteRouteOptions options)
    {
        var match = options.Match ?? new MatchOptions();
        _condition = new RequestCondition(match, options.Path);
        _clientNotIn = RequestCondition.Networks(match.ClientNotIn);
        _not = [.. (match.Not ?? []).Select(not => new RequestCondition(not, not.Path))];
    }

    /// <summary>What the groups of the regular expression have found that holds for a path, the whole first.</summary>
    /// <param name="target">Path and query as they came.</param>
    /// <returns>Empty: there is none.</returns>
    public IReadOnlyList<string> Captures(string target)
    {
        var path = RequestPath.Of(target);
        return _condition.Captures(RequestPath.Read(path, new char[2 * path.Length]).Whole.ToString());
    }

    public bool Takes(HttpContext context, in RequestPath path)
    {
        if (!_condition.Holds(context, path)
            || (_clientNotIn.Length > 0 && RequestCondition.IsIn(_clientNotIn, context.Connection.RemoteIpAddress)))
        {
            return false;
        }

        foreach (var not in _not)
        {
            if (not.Holds(context, path))
            {
                return false;
            }
        }

        return true;
    }
}
