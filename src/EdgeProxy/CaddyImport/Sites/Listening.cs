using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>What the addresses of all sites ask for together: names, certificates, endpoints, and whether http is redirected to https.</summary>
internal sealed class Listening(ImportRemarks remarks, SettingsDraft server, GlobalOptions global)
{
    /// <summary>A site for any name.</summary>
    private const string Any = "*";

    private readonly List<string> _hosts = [];
    private readonly EndpointTable _http = new("http");
    private readonly EndpointTable _https = new("https");

    /// <summary>Names of https whose http Caddy redirects by itself, where no site of their own says otherwise.</summary>
    private readonly List<(string Host, string Endpoint, SiteAddress Address)> _automatic = [];
    private readonly HashSet<(bool IsHttps, string Host, int Port)> _seen = [];
    private readonly SiteCertificates _certificates = new(remarks, server, global);
    private readonly RedirectPorts _redirects = new(remarks, server, global);

    /// <summary>Each site says itself what it serves; set before any is added.</summary>
    public bool HasSites { get; init; }

    /// <param name="isRedirect">The site does nothing but redirect to https.</param>
    public void Add(IReadOnlyList<SiteAddress> addresses, SiteOptions site, bool isRedirect)
    {
        foreach (var address in addresses)
        {
            if (!_seen.Add((address.IsHttps, address.Host, address.Port)))
            {
                remarks.Problem(address.At, $"{address} is the address of a site a second time, which Caddy refuses");
                continue;
            }

            var host = HostOf(address);
            if (!isRedirect && !_hosts.Contains(host))
            {
                _hosts.Add(host);
            }

            foreach (var where in Binds(site))
            {
                AddEndpoint(address, host, where, isRedirect);
            }

            if (address.IsHttps)
            {
                _certificates.Add(address, site.Tls, HasSites);
            }
        }
    }

    /// <summary>Whether no other authority certifies a name of https.</summary>
    public bool IsInternal(SiteAddress address, SiteOptions site) => _certificates.IsInternal(address, site.Tls);

    /// <summary>Writes what <c>EdgeProxy:Sites</c> does not say: names, and where the server listens.</summary>
    public void FinishSites(SourceLine file)
    {
        AddAutomatic();
        server.Set("AllowedHosts", JsonValue.Create(AllowedHosts()), file);
        if (global.HasNoRedirects && _https.Urls.Any())
        {
            server.Set("EdgeProxy:Tls:RedirectHttp", JsonValue.Create(false), file);
        }

        _redirects.Set(_https.Ports, file);
        AddEndpoints("Http", _http.Urls, file);
        AddEndpoints("Https", _https.Urls, file);
        NotePorts(file);
        NoteOthers(file);
    }

    /// <summary>Writes what all sites have said together.</summary>
    public void Finish(SourceLine file)
    {
        AddAutomatic();
        _http.RequireAlike(remarks);
        _https.RequireAlike(remarks);
        server.Set("AllowedHosts", JsonValue.Create(AllowedHosts()), file);
        SetRedirect(file);
        _redirects.Set(_https.Ports, file);
        AddEndpoints("Http", _http.Urls, file);
        AddEndpoints("Https", _https.Urls, file);
        NotePorts(file);
        NoteOthers(file);
    }

    private void AddAutomatic()
    {
        // Of several ports of a name Caddy chooses the one of https, or else the lowest.
        foreach (var (host, endpoint, address) in _automatic.OrderBy(name => name.Address.Port != global.HttpsPort).ThenBy(name => name.Address.Port))
        {
            if (_http.AddUnlessThere(endpoint, host, HttpUse.Redirect, address.At))
            {
                _redirects.Add(address);
            }
        }
    }

    private static string HostOf(SiteAddress address) => address.Host.Length == 0 ? Any : address.Host;

    private void AddEndpoint(SiteAddress address, string host, string where, bool isRedirect)
    {
        if (!address.IsHttps)
        {
            _http.Add(_http.Url(where, address.Port), host, isRedirect ? HttpUse.Redirect : HttpUse.Serve, address.At);
            if (isRedirect)
            {
                _redirects.AddPlain(address.At); // https://{host}{uri}
            }

            return;
        }

        _https.Add(_https.Url(where, address.Port), host, HttpUse.Serve, address.At);
        if (!global.HasNoRedirects)
        {
            _automatic.Add((host, _http.Url(where, global.HttpPort), address));
        }
    }

    /// <summary>Where any name is taken, those that are named are written too: the local authority signs for them.</summary>
    private string AllowedHosts() => string.Join(';', _hosts.Contains(Any) && !server.Has("EdgeProxy:Tls:Internal") ? [Any] : _hosts);

    /// <summary>EdgeProxy redirects http of all names that have a certificate, or of none; http of other names reaches the app where they are
    /// allowed.</summary>
    private void SetRedirect(SourceLine file)
    {
        foreach (var (host, at) in _http.With(HttpUse.Redirect).Where(name => name.Host != Any && !IsHttps(name.Host)))
        {
            remarks.Problem(
                at,
                $"redirects {host} to https, but no site serves {host} there; EdgeProxy redirects names that it has certificates for: add the name to the " +
                    "site");
        }

        if (_http.With(HttpUse.Redirect).FirstOrDefault(name => name.Host == Any) is { Host: not null } any)
        {
            remarks.Note(any.At, "redirects any name to https; EdgeProxy redirects those that it has certificates for, and refuses all others (400)");
        }

        var isSigned = server.Has("EdgeProxy:Tls:Internal");
        if (isSigned && _http.With(HttpUse.Serve).FirstOrDefault(name => name.Host != Any && !IsHttps(name.Host)) is { Host: not null } clear)
        {
            remarks.Problem(
                clear.At, $"serves {clear.Host} over http alone, and the local authority signs for it: only as a site of its own is it not redirected");
        }

        var served = _http.With(HttpUse.Serve).Where(name => _https.Has(name.Host)).ToList();
        var redirected = _http.With(HttpUse.Redirect).Where(name => name.Host != Any && _https.Has(name.Host)).ToList();
        if (served.Count > 0 && redirected.Count > 0)
        {
            remarks.Problem(
                served[0].At,
                $"serves {served[0].Host} over http too, while {redirected[0].Host} is redirected to https; EdgeProxy redirects all names that have a " +
                "certificate, or none: make the sites alike");
        }
        else if (served.Count > 0)
        {
            server.Set("EdgeProxy:Tls:RedirectHttp", JsonValue.Create(false), file);
        }
        else
        {
            NoteSilent(file);
        }
    }

    /// <summary>Names that Caddy serves over https alone: never over http as clear text.</summary>
    private void NoteSilent(SourceLine file)
    {
        if (_https.Hosts.FirstOrDefault(host => host != Any && !_http.Has(host)) is { } silent)
        {
            remarks.Note(
                file,
                $"does not redirect http to https for {silent}; EdgeProxy does wherever http reaches it (308). Where nothing is to listen on port 80, " +
                    "disable " +
                "the shipped socket: systemctl disable --now edgeproxy-http.socket");
        }
    }

    private bool IsHttps(string host) =>
        _https.Has(host) || _https.Has(Any) || (host.Split('.', 2) is [_, var parent] && _https.Has($"*.{parent}"));

    private void NotePorts(SourceLine file)
    {
        var urls = _http.Urls.Concat(_https.Urls).ToList();
        if (urls.Exists(url => url is not ("http://*:80" or "https://*:443")))
        {
            remarks.Note(
                file,
                $"listens on {string.Join(", ", urls)}; the shipped socket units listen on all addresses, ports 80 and 443: change their ListenStream= " +
                "(systemctl edit edgeproxy-http.socket), which counts more than Kestrel:Endpoints");
        }
    }

    /// <summary>An empty 200 for a host of nobody is a page to monitors and caches.</summary>
    private void NoteOthers(SourceLine file)
    {
        if (!_hosts.Contains(Any))
        {
            remarks.Note(file, "a host of no site gets 400 or 421 here; Caddy responds to it with an empty 200");
        }
    }

    private void AddEndpoints(string name, IEnumerable<string> urls, SourceLine file)
    {
        foreach (var (i, url) in urls.Index())
        {
            server.Set($"Kestrel:Endpoints:{name}{(i == 0 ? "" : i + 1)}:Url", JsonValue.Create(url), file);
        }
    }

    /// <summary>Addresses of this machine where a site is served; <c>*</c>: all.</summary>
    public List<string> Binds(SiteOptions site)
    {
        var addresses = new List<string>();
        foreach (var bind in site.Binds)
        {
            if (IPAddress.TryParse(bind.Text, out var address))
            {
                addresses.Add(address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString());
            }
            else
            {
                remarks.Problem(bind.At, $"bind {bind.Text} cannot be translated: EdgeProxy listens on IP addresses; write one");
            }
        }

        return addresses.Count > 0 ? addresses : [Any];
    }
}
