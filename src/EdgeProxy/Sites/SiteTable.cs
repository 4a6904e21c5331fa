using System.Collections.Frozen;
using EdgeProxy.Clients;
using EdgeProxy.Proxying;

namespace EdgeProxy.Sites;

/// <summary>Finds the site of a request: by the name itself, else by the star in place of its first label, else by <c>*</c>. Immutable.</summary>
internal sealed class SiteTable
{
    private readonly FrozenDictionary<string, Site[]>.AlternateLookup<ReadOnlySpan<char>> _names;
    private readonly FrozenDictionary<string, Site[]>.AlternateLookup<ReadOnlySpan<char>> _below;
    private readonly Site[] _any;

    /// <param name="sites">Of checked settings.</param>
    public SiteTable(IReadOnlyList<Site> sites)
    {
        All = sites;
        var hosts = sites.SelectMany(site => site.Hosts, (site, host) => (Host: host, Site: site)).ToList();
        _names = Lookup(hosts.Where(host => !host.Host.StartsWith('*')), skip: 0);
        _below = Lookup(hosts.Where(host => host.Host.StartsWith("*.", StringComparison.Ordinal)), skip: 1);
        _any = [.. hosts.Where(host => host.Host == AppHosts.Any).Select(host => host.Site)];
    }

    /// <summary>All sites, in the order of the settings.</summary>
    public IReadOnlyList<Site> All { get; }

    /// <returns>Null: no site is served under this host, scheme and address.</returns>
    public Site? Find(HttpContext context)
    {
        var request = context.Request;
        var host = AppHosts.Of(request);
        if (_names.TryGetValue(host, out var named) && Choose(named, context) is { } exact)
        {
            return exact;
        }

        // The client chooses the rest of such a host, and it may come to stand in a URL.
        if (!HostHeader.TryParse(request.Headers.Host.ToString(), out _))
        {
            return null;
        }

        var dot = host.IndexOf('.');
        return dot > 0 && _below.TryGetValue(host[dot..], out var below) && Choose(below, context) is { } wildcard ? wildcard : Choose(_any, context);
    }

    private static Site? Choose(Site[] sites, HttpContext context)
    {
        foreach (var site in sites)
        {
            if (site.IsServedAt(context))
            {
                return site;
            }
        }

        return null;
    }

    private static FrozenDictionary<string, Site[]>.AlternateLookup<ReadOnlySpan<char>> Lookup(IEnumerable<(string Host, Site Site)> hosts, int skip) => hosts
        .GroupBy(host => host.Host[skip..], host => host.Site, StringComparer.OrdinalIgnoreCase)
        .ToFrozenDictionary(host => host.Key, host => host.ToArray(), StringComparer.OrdinalIgnoreCase)
        .GetAlternateLookup<ReadOnlySpan<char>>();
}
