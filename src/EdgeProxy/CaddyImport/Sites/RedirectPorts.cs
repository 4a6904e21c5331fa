using System.Text.Json.Nodes;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>The port of https that clients of http are sent to: Caddy's own redirects name it only where it is neither 443 nor <c>https_port</c>
/// (makeRedirRoute of modules/caddyhttp/autohttps.go, 2.6), as <c>https_port</c> is what a router in front forwards 443 to.</summary>
internal sealed class RedirectPorts(ImportRemarks remarks, SettingsDraft server, GlobalOptions global)
{
    private const int Standard = 443;

    private readonly List<(int Port, SourceLine At)> _ports = [];

    /// <summary>A name whose http Caddy redirects by itself.</summary>
    public void Add(SiteAddress address) =>
        _ports.Add((address.Port == global.HttpsPort || address.Port == global.HttpPort ? Standard : address.Port, address.At));

    /// <summary>A redirect that names no port.</summary>
    public void AddPlain(SourceLine at) => _ports.Add((Standard, at));

    /// <summary>EdgeProxy redirects all names to one port: 443 where it listens there, else the port of its endpoint.</summary>
    /// <param name="listening">The ports of https.</param>
    /// <param name="file">The Caddyfile.</param>
    public void Set(IEnumerable<int> listening, SourceLine file)
    {
        if (_ports.FirstOrDefault(port => port.Port != _ports[0].Port) is { Port: > 0 } other)
        {
            remarks.Problem(
                other.At,
                $"has its http redirected to port {other.Port} of https, and another site to port {_ports[0].Port}, while EdgeProxy redirects all names to " +
                    "one port; give the sites one port, or write http:// in front of a name and redir in its block");
        }
        else if (_ports is [var (port, _), ..] && listening.ToList() is { Count: > 0 } ports && (ports.Contains(Standard) ? Standard : ports[0]) != port)
        {
            server.Set("EdgeProxy:Tls:RedirectPort", JsonValue.Create(port), file);
        }
    }
}
