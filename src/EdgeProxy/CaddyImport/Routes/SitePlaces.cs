using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Sites;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>Where each site is served: its hosts, over TLS or in clear text, at which addresses and ports.</summary>
internal sealed class SitePlaces(ImportRemarks remarks, GlobalOptions global)
{
    private const string Any = "*";

    private readonly List<(SiteAddress Address, string Where)> _all = [];

    /// <summary>Notes the addresses of a site block.</summary>
    public void Add(IReadOnlyList<SiteAddress> addresses, IReadOnlyList<string> binds) =>
        _all.AddRange(addresses.SelectMany(address => binds.Select(where => (address, where))));

    /// <summary>A site that takes any address of the machine does not get what comes to one that another site is bound to; here it would.</summary>
    public void RequireAlike()
    {
        foreach (var port in _all.GroupBy(place => place.Address.Port))
        {
            if (port.FirstOrDefault(place => place.Where == Any) is { Address: not null } everywhere
                && port.FirstOrDefault(place => place.Where != Any) is { Address: not null } bound)
            {
                remarks.Problem(everywhere.Address.At,
                    $"is served at all addresses of port {port.Key}, and {bound.Address} (line {bound.Address.At.Line}) has {bound.Where} for itself: what " +
                        $"comes there for {everywhere.Address} gets an empty 200 from Caddy and would be served here; write bind with this site's addresses, " +
                        "too: bind all of them or none");
            }
        }
    }

    /// <summary>The keys of a site but <c>Routes</c>: one element for each kind of place that its addresses ask for.</summary>
    public IEnumerable<JsonObject> Of(IReadOnlyList<SiteAddress> addresses, IReadOnlyList<string> binds, bool isOfAuthority) => addresses
        .GroupBy(address => (Scheme: SchemeOf(address), address.Port))
        .Select(group =>
        {
            var json = new JsonObject { ["Hosts"] = Condition.ListOf([.. group.Select(HostOf).Distinct()]) };
            if (group.Key.Scheme != "Both")
            {
                json["Scheme"] = group.Key.Scheme;
            }

            if (Bind(group.Key.Scheme, group.Key.Port, binds) is { } bind)
            {
                json["Bind"] = Condition.ListOf(bind);
            }

            if (!isOfAuthority && group.Key.Scheme != "Http")
            {
                json["Acme"] = false;
            }

            return json;
        });

    /// <summary>Caddy redirects http to https for names that no site serves at the port of http: to the port of https, or else to the lowest.</summary>
    private string SchemeOf(SiteAddress address) =>
        !address.IsHttps ? "Http"
        : global.HasNoRedirects || address.Host.Length == 0
            || _all.Exists(other => other.Address.Host == address.Host
                && (other.Address.IsHttps ? IsBefore(other.Address.Port, address.Port) : other.Address.Port == global.HttpPort)) ? "Https"
        : "Both";

    /// <summary>Whether a redirect leads to the one port rather than to the other one.</summary>
    private bool IsBefore(int port, int other) => port != other && other != global.HttpsPort && (port == global.HttpsPort || port < other);

    private static string HostOf(SiteAddress address) => address.Host.Length == 0 ? Any : address.Host;

    /// <returns>Null: the site is served wherever its scheme is.</returns>
    private List<string>? Bind(string scheme, int port, IReadOnlyList<string> binds)
    {
        var own = binds.SelectMany(where => Ends(scheme, where, port)).ToHashSet();
        var isAlone = _all.SelectMany(place => Ends(SchemeOf(place.Address), place.Where, place.Address.Port))
            .All(end => own.Contains(end) || !own.Any(mine => mine.IsTls == end.IsTls));
        return isAlone ? null : [.. own.Select(end => end.Where == Any ? $":{end.Port}" : $"{end.Where}:{end.Port}").Distinct().Order(StringComparer.Ordinal)];
    }

    /// <summary>Where requests of a scheme come in, those too that are redirected.</summary>
    private IEnumerable<(bool IsTls, string Where, int Port)> Ends(string scheme, string where, int port) => scheme switch
    {
        "Http" => [(false, where, port)],
        "Https" => [(true, where, port)],
        _ => [(true, where, port), (false, where, global.HttpPort)],
    };
}
