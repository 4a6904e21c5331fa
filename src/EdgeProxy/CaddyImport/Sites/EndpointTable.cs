using System.Globalization;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>What a name gets over http.</summary>
internal enum HttpUse
{
    Serve,
    Redirect,
}

/// <summary>Which names each address and port of one scheme is for. EdgeProxy takes all of its names everywhere, so that endpoints that differ cannot be
/// translated.</summary>
internal sealed class EndpointTable(string scheme)
{
    private readonly SortedDictionary<string, Dictionary<string, (HttpUse Use, SourceLine At)>> _endpoints = new(StringComparer.Ordinal);

    public IEnumerable<string> Urls => _endpoints.Keys;

    public IEnumerable<int> Ports => Urls.Select(url => int.Parse(url[(url.LastIndexOf(':') + 1)..], CultureInfo.InvariantCulture)).Distinct();

    public IEnumerable<string> Hosts => _endpoints.Values.SelectMany(names => names.Keys).Distinct();

    public string Url(string where, int port) => $"{scheme}://{where}:{port}";

    public bool Has(string host) => _endpoints.Values.Any(names => names.ContainsKey(host));

    public void Add(string url, string host, HttpUse use, SourceLine at) => Names(url)[host] = (use, at);

    /// <returns>Whether it was not there.</returns>
    public bool AddUnlessThere(string url, string host, HttpUse use, SourceLine at) => Names(url).TryAdd(host, (use, at));

    /// <summary>The names that get this, each once.</summary>
    public IEnumerable<(string Host, SourceLine At)> With(HttpUse use) =>
        _endpoints.Values.SelectMany(names => names).Where(name => name.Value.Use == use).DistinctBy(name => name.Key)
            .Select(name => (name.Key, name.Value.At));

    /// <summary>A name that one endpoint has and another has not, or has otherwise, is a problem.</summary>
    public void RequireAlike(ImportRemarks remarks)
    {
        foreach (var (url, names) in _endpoints)
        {
            foreach (var (other, others) in _endpoints.Where(endpoint => endpoint.Key != url))
            {
                foreach (var (host, (use, at)) in names.Where(name => !others.TryGetValue(name.Key, out var theirs) || theirs.Use != name.Value.Use))
                {
                    remarks.Problem(
                        at,
                        $"{(host == "*" ? "any name" : host)} is {(use == HttpUse.Serve ? "served" : "redirected")} at {url} and not at {other}; EdgeProxy " +
                            "takes all " +
                        "its names at all its addresses: give all sites the same addresses (bind) and ports");
                }
            }
        }
    }

    private Dictionary<string, (HttpUse Use, SourceLine At)> Names(string url) =>
        _endpoints.TryGetValue(url, out var names) ? names : _endpoints[url] = new(StringComparer.Ordinal);
}
