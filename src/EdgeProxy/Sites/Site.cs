using System.Net;
using EdgeProxy.Clients;
using EdgeProxy.Http;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.Sites;

/// <summary>A site, prepared at the start. Immutable.</summary>
internal sealed class Site
{
    private readonly SiteScheme _scheme;
    private readonly LocalEndPoint[] _bind;
    private readonly SiteRoute[] _routes;

    /// <param name="options">Checked.</param>
    /// <param name="name">Unique.</param>
    /// <param name="errorPages">Null: EdgeProxy's own.</param>
    /// <param name="routes">In order.</param>
    public Site(SiteOptions options, string name, IErrorPages? errorPages, IReadOnlyList<SiteRoute> routes)
    {
        Name = name;
        Hosts = [.. options.Hosts!];
        Headers = HeaderChanges.Of(options.Headers);
        ErrorPages = errorPages;
        _routes = [.. routes];
        _scheme = options.Scheme;
        _bind = [.. (options.Bind ?? []).Select(LocalEndPoint.Parse)];
    }

    public string Name { get; }

    public IReadOnlyList<string> Hosts { get; }

    /// <summary>The changes of the response's header; null: it stays as it is.</summary>
    public HeaderChanges? Headers { get; }

    public IErrorPages? ErrorPages { get; }

    public IReadOnlyList<SiteRoute> Routes => _routes;

    /// <summary>Clear text is not sent on to https.</summary>
    public bool KeepsClearText => _scheme == SiteScheme.Http;

    /// <summary>Whether it is served where and how the request came.</summary>
    public bool IsServedAt(HttpContext context)
    {
        if (_scheme != SiteScheme.Both && (_scheme == SiteScheme.Https) != context.Request.IsHttps)
        {
            return false;
        }

        foreach (var local in _bind)
        {
            if (local.Is(context.Connection))
            {
                return true;
            }
        }

        return _bind.Length == 0;
    }

    /// <summary>The first route that takes a request; null: none.</summary>
    /// <param name="target">Its path and query as they came.</param>
    /// <param name="after">Only routes behind this one; null: all.</param>
    public SiteRoute? FindRoute(HttpContext context, string target, SiteRoute? after = null)
    {
        var path = RequestPath.Of(target);
        var first = after is null ? 0 : Array.IndexOf(_routes, after) + 1;
        return !RequestPath.NeedsRoom(path) ? Find(context, RequestPath.Read(path, []), first)
            : path.Length <= RequestPath.OnStack ? FindOnStack(context, path, first)
            : Find(context, RequestPath.Read(path, new char[2 * path.Length]), first);
    }

    /// <summary>Apart, so that other requests do not clear this room.</summary>
    private SiteRoute? FindOnStack(HttpContext context, ReadOnlySpan<char> path, int first) =>
        Find(context, RequestPath.Read(path, stackalloc char[2 * RequestPath.OnStack]), first);

    private SiteRoute? Find(HttpContext context, in RequestPath path, int first)
    {
        for (var i = first; i < _routes.Length; i++)
        {
            if (_routes[i].Match.Takes(context, path))
            {
                return _routes[i];
            }
        }

        return null;
    }
}

/// <summary>An address of this machine, a port, or both.</summary>
/// <param name="Address">Null: any.</param>
/// <param name="Port">0: any.</param>
internal readonly record struct LocalEndPoint(IPAddress? Address, int Port)
{
    /// <exception cref="FormatException">It is none.</exception>
    public static LocalEndPoint Parse(string text) => TryParse(text, out var endPoint) ? endPoint : throw new FormatException(text);

    /// <summary>Reads <c>127.0.0.1</c>, <c>127.0.0.1:8080</c>, <c>[::1]:8080</c>, <c>::1</c> or <c>:8080</c>.</summary>
    public static bool TryParse(string text, out LocalEndPoint endPoint)
    {
        endPoint = default;
        if (text.StartsWith(':') && HostHeader.TryParsePort(text.AsSpan(1), out var port) && port > 0)
        {
            endPoint = new LocalEndPoint(null, port);
            return true;
        }

        if (!IPEndPoint.TryParse(text, out var parsed))
        {
            return false;
        }

        endPoint = new LocalEndPoint(NodeAddress.Normalize(parsed.Address), parsed.Port);
        return true;
    }

    public bool Is(ConnectionInfo connection) =>
        (Port == 0 || Port == connection.LocalPort) && (Address is null || Address.Equals(NodeAddress.Normalize(connection.LocalIpAddress)));

    /// <summary>Whether a connection may have come to both.</summary>
    public bool Overlaps(LocalEndPoint other) =>
        (Port == 0 || other.Port == 0 || Port == other.Port) && (Address is null || other.Address is null || Address.Equals(other.Address));
}
