using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.Tls.Local;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>Where the certificates of the sites' names come from: files, the local authority, or an order.</summary>
internal sealed class SiteCertificates(ImportRemarks remarks, SettingsDraft server, GlobalOptions global)
{
    /// <param name="address">Over https.</param>
    /// <param name="tls">What the site says of it.</param>
    /// <param name="hasSites">Each site says itself what it serves.</param>
    public void Add(SiteAddress address, TlsReader tls, bool hasSites)
    {
        var isInternal = IsInternal(address, tls);
        if (tls.HasFiles)
        {
            if (address.Host.Length == 0 && !hasSites)
            {
                remarks.Problem(
                    address.At,
                    "https for any name cannot be translated: EdgeProxy redirects and serves by name, and http for other names would reach the app; name the " +
                        "hosts");
            }

            return; // its names are those in the certificate
        }

        if (address.Host.Length == 0 || (address.IsWildcard && !isInternal) || global.HasNoCertificates)
        {
            remarks.Problem(address.At, WhyNoCertificate(address));
        }
        else if (isInternal && !LocalNames.Has(address.Host))
        {
            remarks.Problem(
                address.At,
                $"{address.Host} gets no certificate here, and would be served in clear text: write its labels with letters, digits and hyphens alone");
        }
        else if (isInternal)
        {
            server.Set("EdgeProxy:Tls:Internal", JsonValue.Create(true), address.At);
            if (address.IsPrivate)
            {
                remarks.NoteOnce(
                    address.At,
                    "local authority",
                    $"{address.Host} is no name of a public authority: EdgeProxy's own signs for it, as Caddy's does (Tls:Internal). Clients have to trust " +
                        "its root, which 'edgeproxy certificates root' prints, in place of Caddy's");
            }
        }
        else
        {
            AddDomain(address);
        }
    }

    /// <summary>Whether the local authority signs for a name: it is told to, or no other would.</summary>
    public bool IsInternal(SiteAddress address, TlsReader tls) =>
        tls.IsInternal || global.IsInternal || address.IsLocal
        || (address.IsPrivate && address.Host.Length > 0 && !server.Has("EdgeProxy:Tls:Acme:DirectoryUrl")); // an own authority may have any name

    private static string WhyNoCertificate(SiteAddress address) =>
        address.Host.Length == 0 ? "https without a name needs a certificate from files; name the host, and write 'tls CERTIFICATE KEY'"
        : address.IsWildcard
            ? $"a certificate for {address.Host} needs a DNS challenge, which EdgeProxy does not offer; name each host, or write 'tls CERTIFICATE KEY'"
        : $"{address.Host} has no certificate, as auto_https is off; write http:// in front of it, or 'tls CERTIFICATE KEY'";

    private void AddDomain(SiteAddress address)
    {
        server.Append("EdgeProxy:Tls:Acme:Domains", address.Host, address.At);
        if (!server.Has("EdgeProxy:Tls:Acme:AcceptTermsOfService"))
        {
            server.Set("EdgeProxy:Tls:Acme:AcceptTermsOfService", JsonValue.Create(true), address.At);
            remarks.Note(
                address.At,
                "Tls:Acme:AcceptTermsOfService is true: with EdgeProxy as with Caddy, the operator accepts the terms of the certificate authority " +
                "(https://letsencrypt.org/repository/)");
        }
    }
}
