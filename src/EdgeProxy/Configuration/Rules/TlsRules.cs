using System.Buffers.Text;
using EdgeProxy.Tls;

namespace EdgeProxy.Configuration.Rules;

/// <summary><c>Tls</c>.</summary>
internal static class TlsRules
{
    public static void Check(SettingsScope at, TlsOptions tls)
    {
        CheckAcme(at.In(nameof(tls.Acme)), tls.Acme);
        for (var i = 0; i < (tls.Certificates?.Length ?? 0); i++)
        {
            var certificate = tls.Certificates![i];
            var entry = at.In(nameof(tls.Certificates), i);
            entry.Required(nameof(certificate.Certificate), certificate.Certificate, "the PEM file with the certificate and its chain");
            entry.Required(nameof(certificate.Key), certificate.Key, "the PEM file with the private key");
        }

        if (!string.IsNullOrEmpty(tls.Hsts) && !tls.Hsts.Contains("max-age=", StringComparison.OrdinalIgnoreCase))
        {
            at.Error(nameof(tls.Hsts), "must be a Strict-Transport-Security value, such as max-age=31536000");
        }
    }

    private static void CheckAcme(SettingsScope at, AcmeOptions acme)
    {
        at.Each(nameof(acme.Domains), acme.Domains, (scope, key, domain) =>
        {
            if (Uri.CheckHostName(domain) != UriHostNameType.Dns || !domain.Contains('.', StringComparison.Ordinal))
            {
                scope.Error(key, "must be a full domain name, such as shop.example.com; wildcards need a DNS challenge, which is not offered");
            }
        });
        if (acme.Domains is { Length: > 0 } && !acme.AcceptTermsOfService)
        {
            at.Error(nameof(acme.AcceptTermsOfService), "must be true: certificates are issued only to who accepts the authority's terms of service");
        }

        if (!string.IsNullOrEmpty(acme.Email) && acme.Email.IndexOf('@', StringComparison.Ordinal) <= 0)
        {
            at.Error(nameof(acme.Email), "must be an e-mail address");
        }

        if (!string.IsNullOrEmpty(acme.DirectoryUrl))
        {
            CheckDirectory(at, acme);
        }

        at.Each(nameof(acme.Challenges), acme.Challenges?.Select(challenge => challenge.ToString()).ToList(), (_, _, _) => { });
        if (acme.ExternalAccount is { } account)
        {
            CheckExternalAccount(at.In(nameof(acme.ExternalAccount)), account);
        }
    }

    private static void CheckDirectory(SettingsScope at, AcmeOptions acme)
    {
        if (!Uri.TryCreate(acme.DirectoryUrl, UriKind.Absolute, out var url) || url.Scheme != Uri.UriSchemeHttps)
        {
            at.Error(nameof(acme.DirectoryUrl), "must be the https URL of an ACME directory (RFC 8555 asks for https)");
        }

        if (acme.Staging)
        {
            at.Error(nameof(acme.Staging), "picks a directory of Let's Encrypt, but DirectoryUrl names another; set one of the two");
        }
    }

    private static void CheckExternalAccount(SettingsScope at, ExternalAccountOptions account)
    {
        at.Required(nameof(account.KeyId), account.KeyId, "the key id that the authority gave you");
        if (at.Required(nameof(account.HmacKey), account.HmacKey, "the key that the authority gave you, in base64url") && !Base64Url.IsValid(account.HmacKey))
        {
            at.Error(nameof(account.HmacKey), "must be base64url", isSecret: true);
        }
    }
}
