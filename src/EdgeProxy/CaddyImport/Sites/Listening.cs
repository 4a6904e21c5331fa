using System.Net;
using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Syntax;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>What the addresses of all sites ask for together: names, certificates, endpoints, and whether http is redirected to https.</summary>
internal sealed class Listening(ImportRemarks remarks, SettingsDraft server, GlobalOptions global)
{
    private readonly List<string> _hosts = [];
    private readonly SortedSet<string> _http = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _https = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SourceLine> _redirected = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SourceLine> _plain = new(StringComparer.Ordinal);

    /// <param name="isRedirect">The site does nothing but redirect to https.</param>
    public void Add(IReadOnlyList<SiteAddress> addresses, SiteOptions site, bool isRedirect)
    {
        foreach (var address in addresses)
        {
            AddHost(address);
            foreach (var where in Binds(site))
            {
                (address.IsHttps ? _https : _http).Add($"{(address.IsHttps ? "https" : "http")}://{where}:{address.Port}");
                if (address.IsHttps && !global.HasNoRedirects)
                {
                    _http.Add($"http://{where}:{global.HttpPort}");
                }
            }

            if (address.IsHttps)
            {
                AddCertificate(address, site.Tls);
                _redirected.TryAdd(address.Host, address.At);
            }
            else if (!isRedirect)
            {
                _plain.TryAdd(address.Host, address.At);
            }
        }
    }

    /// <summary>Writes what all sites have said together.</summary>
    public void Finish(SourceLine file)
    {
        server.Set("AllowedHosts", JsonValue.Create(_hosts.Contains("*") ? "*" : string.Join(';', _hosts)), file);
        SetRedirect(file);
        AddEndpoints("Http", _http, file);
        AddEndpoints("Https", _https, file);
        if (_http.Concat(_https).Any(url => url is not ("http://*:80" or "https://*:443")))
        {
            remarks.Note(file, $"listens on {string.Join(", ", _http.Concat(_https))}; the shipped socket units listen on all addresses, ports 80 and 443: change their ListenStream= (systemctl edit edgeproxy-http.socket), which counts more than Kestrel:Endpoints");
        }
    }

    private void AddHost(SiteAddress address)
    {
        var host = address.Host.Length == 0 ? "*" : address.Host;
        if (!_hosts.Contains(host))
        {
            _hosts.Add(host);
        }
    }

    private void AddCertificate(SiteAddress address, TlsReader tls)
    {
        if (tls.HasFiles)
        {
            return; // its names are those in the certificate
        }

        if (address.Host.Length == 0 || address.IsWildcard || global.HasNoCertificates)
        {
            remarks.Problem(
                address.At,
                address.Host.Length == 0 ? "https without a name needs a certificate from files; name the host, or write 'tls CERTIFICATE KEY'"
                : address.IsWildcard ? $"a certificate for {address.Host} needs a DNS challenge, which EdgeProxy does not offer; name each host, or write 'tls CERTIFICATE KEY'"
                : $"{address.Host} has no certificate, as auto_https is off; write http:// in front of it, or 'tls CERTIFICATE KEY'");
        }
        else if (tls.IsInternal || global.IsInternal || address.IsLocal)
        {
            server.Set("EdgeProxy:Tls:Internal", JsonValue.Create(true), address.At);
        }
        else
        {
            server.Append("EdgeProxy:Tls:Acme:Domains", address.Host, address.At);
            if (!server.Has("EdgeProxy:Tls:Acme:AcceptTermsOfService"))
            {
                server.Set("EdgeProxy:Tls:Acme:AcceptTermsOfService", JsonValue.Create(true), address.At);
                remarks.Note(address.At, "Tls:Acme:AcceptTermsOfService is true: with EdgeProxy as with Caddy, who runs it accepts the terms of the certificate authority (https://letsencrypt.org/repository/)");
            }
        }
    }

    /// <summary>A name that is served over both is not redirected. EdgeProxy redirects all names that have a certificate, or none.</summary>
    private void SetRedirect(SourceLine file)
    {
        var both = _redirected.Keys.Where(_plain.ContainsKey).ToList();
        var one = _redirected.Keys.Except(both).ToList();
        if (both.Count > 0 && one.Count > 0 && !global.HasNoRedirects)
        {
            remarks.Problem(_plain[both[0]], $"serves {both[0]} over http too, while {one[0]} is redirected to https; EdgeProxy redirects all names that have a certificate, or none: make the sites alike");
        }
        else if (_redirected.Count > 0 && (global.HasNoRedirects || both.Count > 0))
        {
            server.Set("EdgeProxy:Tls:RedirectHttp", JsonValue.Create(false), file);
        }
    }

    private void AddEndpoints(string name, IEnumerable<string> urls, SourceLine file)
    {
        foreach (var (i, url) in urls.Index())
        {
            server.Set($"Kestrel:Endpoints:{name}{(i == 0 ? "" : i + 1)}:Url", JsonValue.Create(url), file);
        }
    }

    private List<string> Binds(SiteOptions site)
    {
        var addresses = new List<string>();
        foreach (var bind in site.Binds)
        {
            if (IPAddress.TryParse(bind.Text, out var address))
            {
                addresses.Add(address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString());
            }
            else
            {
                remarks.Problem(bind.At, $"bind {bind.Text} cannot be translated: EdgeProxy listens on IP addresses; write one");
            }
        }

        return addresses.Count > 0 ? addresses : ["*"];
    }
}
