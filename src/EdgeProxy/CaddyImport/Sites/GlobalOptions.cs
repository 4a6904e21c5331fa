using System.Globalization;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>The block without an address, in front of all sites.</summary>
internal sealed class GlobalOptions(ImportRemarks remarks, SettingsDraft server)
{
    public int HttpPort { get; private set; } = 80;

    public int HttpsPort { get; private set; } = 443;

    /// <summary><c>auto_https</c>: names get no certificates by themselves.</summary>
    public bool HasNoCertificates { get; private set; }

    /// <summary><c>auto_https</c>: http is not redirected to https.</summary>
    public bool HasNoRedirects { get; private set; }

    /// <summary>All certificates come from Caddy's own authority.</summary>
    public bool IsInternal { get; private set; }

    /// <param name="forSites">Takes <c>trusted_proxies</c>, which is the same here and in a <c>reverse_proxy</c>.</param>
    public void Read(IReadOnlyList<Statement> options, ReverseProxyOptions forSites)
    {
        foreach (var option in options)
        {
            if (option.Name.Text == "servers")
            {
                ReadServers(option, forSites);
            }
            else if (!TryReadCertificates(option) && !TryReadPort(option))
            {
                ReadOther(option);
            }
        }
    }

    private bool TryReadCertificates(Statement option)
    {
        switch (option.Name.Text, option.Words.ToArray())
        {
            case ("email", [var email]):
                TlsReader.SetEmail(email, option.At, server);
                return true;
            case ("acme_eab", []) when option.Block is [{ Name.Text: "key_id", Arguments: [var id] }, { Name.Text: "mac_key", Arguments: [var key] }]:
                TlsReader.SetAccount(id.Text, key.Text, option.At, server);
                return true;
            case ("local_certs", []) or ("cert_issuer", ["internal"]):
                IsInternal = true;
                return true;
            case ("cert_issuer", ["acme"]) when option.Block is null:
                return true;
            case ("auto_https", ["off"]):
                (HasNoCertificates, HasNoRedirects) = (true, true);
                return true;
            case ("auto_https", ["disable_certs"]):
                HasNoCertificates = true;
                return true;
            case ("auto_https", ["disable_redirects"]):
                HasNoRedirects = true;
                return true;
            default:
                var name = option.Name.Text;
                return TlsReader.TryReadAuthority(name.StartsWith("acme_", StringComparison.Ordinal) ? name["acme_".Length..] : name, option, server);
        }
    }

    private bool TryReadPort(Statement option)
    {
        if (option is not { Name.Text: "http_port" or "https_port", Arguments: [var text] }
            || !int.TryParse(text.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port is < 1 or > 65535)
        {
            return false;
        }

        (HttpPort, HttpsPort) = option.Name.Text == "http_port" ? (port, HttpsPort) : (HttpPort, port);
        return true;
    }

    private void ReadOther(Statement option)
    {
        switch (option.Name.Text)
        {
            case "grace_period" when option.Arguments is [var text] && CaddyValue.TryDuration(text.Text, out var grace):
                server.Set("EdgeProxy:Shutdown:DrainTimeout", grace, option.At);
                break;
            case "admin" or "persist_config" or "storage_clean_interval" or "renew_interval" or "ocsp_interval" or "ocsp_stapling" or "skip_install_trust"
                or "on_demand_tls" or "pki"
                or "preferred_chains" or "shutdown_delay" or "metrics" or "debug" or "log" or "storage":
                remarks.Note(option.At, $"{option.Name.Text} is about Caddy itself and is left out");
                break;
            case "default_sni" or "fallback_sni":
                remarks.Note(option.At, $"{option.Name.Text} is left out: a handshake for a name without a certificate is refused");
                break;
            default:
                remarks.Problem(option.At, $"the global option '{option}' cannot be translated: EdgeProxy has nothing like it; remove it if it is not needed");
                break;
        }
    }

    private void ReadServers(Statement servers, ReverseProxyOptions forSites)
    {
        foreach (var option in servers.Block ?? [])
        {
            switch (option.Name.Text)
            {
                case "trusted_proxies" when option.Arguments is [{ Text: "static" }, .. var ranges]:
                    forSites.AppendTrusted(ranges);
                    break;
                case "protocols" or "protocol" or "timeouts" or "max_header_size" or "keepalive_interval" or "strict_sni_host" or "metrics"
                    or "log_credentials" or "name" or "trace" or "enable_full_duplex":
                    remarks.Note(option.At, $"{option.Name.Text} is left out: EdgeProxy speaks HTTP/1.1 and HTTP/2 within limits of its own (Kestrel:Limits)");
                    break;
                default:
                    remarks.Problem(option.At, $"'{option}' of servers cannot be translated: EdgeProxy has nothing like it; remove it if it is not needed");
                    break;
            }
        }
    }
}
