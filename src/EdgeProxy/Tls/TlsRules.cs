using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Configuration;

namespace EdgeProxy.Tls;

/// <summary><c>Tls</c>.</summary>
internal static class TlsRules
{
    public static void Check(SettingsScope at, TlsOptions tls)
    {
        CheckAcme(at.In(nameof(tls.Acme)), tls.Acme);
        for (var i = 0; i < (tls.Certificates?.Length ?? 0); i++)
        {
            CheckFiles(at.In(nameof(tls.Certificates), i), tls.Certificates![i]);
        }

        if (tls.RedirectPort is { } port)
        {
            at.Range(nameof(tls.RedirectPort), port, 1, 65535);
        }

        if (!string.IsNullOrEmpty(tls.Hsts) && !tls.Hsts.Contains("max-age=", StringComparison.OrdinalIgnoreCase))
        {
            at.Error(nameof(tls.Hsts), "must be a Strict-Transport-Security value, such as max-age=31536000");
        }
    }

    private static void CheckFiles(SettingsScope at, CertificateFileOptions files)
    {
        var path = files.Certificate;
        if (!at.Required(nameof(files.Certificate), path, "the PEM file with the certificate and its chain"))
        {
            return;
        }

        // Only warnings for what is on disk: the files may come later, and the proxy serves without them.
        if (Directory.Exists(path))
        {
            if (!string.IsNullOrEmpty(files.Key))
            {
                at.Error(nameof(files.Key), "is not for a directory: each NAME.crt there has its NAME.key beside it; leave it out");
            }
        }
        else if (at.Required(nameof(files.Key), files.Key, "the PEM file with the private key")
            && new CertificateFile(path!, files.Key!).Look(TimeProvider.System.GetUtcNow()) is { Problem: { } problem })
        {
            at.Warn(nameof(files.Certificate), problem);
        }
    }

    private static void CheckAcme(SettingsScope at, AcmeOptions acme)
    {
        at.Each(nameof(acme.Domains), acme.Domains, (scope, key, domain) =>
        {
            if (!DomainName.TryNormalize(domain, out _))
            {
                scope.Error(key, "must be a full domain name, such as shop.example.com; wildcards need a DNS challenge, which is not offered");
            }
        });
        if (acme.Domains is { Length: > 0 } && !acme.AcceptTermsOfService)
        {
            at.Error(nameof(acme.AcceptTermsOfService), "must be true: certificates are issued only to operators who accept the authority's terms of service");
        }

        if (!string.IsNullOrEmpty(acme.Email) && acme.Email.IndexOf('@', StringComparison.Ordinal) <= 0)
        {
            at.Error(nameof(acme.Email), "must be an e-mail address");
        }

        if (!string.IsNullOrEmpty(acme.DirectoryUrl))
        {
            CheckDirectory(at, acme);
        }

        if (!string.IsNullOrEmpty(acme.TrustedRoots) && !HoldsCertificates(acme.TrustedRoots))
        {
            at.Error(nameof(acme.TrustedRoots), "must be a PEM file with root certificates that EdgeProxy's user can read");
        }

        at.Each(nameof(acme.Challenges), acme.Challenges?.Select(challenge => challenge.ToString()).ToList(), (_, _, _) => { });
        CheckExternalAccount(at, acme.ExternalAccount);
        for (var i = 0; i < (acme.Fallbacks?.Length ?? 0); i++)
        {
            CheckFallback(at.In(nameof(acme.Fallbacks), i), acme.Fallbacks![i]);
        }

        CheckDirectoryUrl(at, nameof(acme.RehearsalDirectoryUrl), acme.RehearsalDirectoryUrl);
    }

    private static void CheckFallback(SettingsScope at, AcmeFallbackOptions fallback)
    {
        if (at.Required(nameof(fallback.DirectoryUrl), fallback.DirectoryUrl, "the https URL of an ACME directory"))
        {
            CheckDirectoryUrl(at, nameof(fallback.DirectoryUrl), fallback.DirectoryUrl);
        }

        CheckExternalAccount(at, fallback.ExternalAccount);
    }

    private static void CheckDirectory(SettingsScope at, AcmeOptions acme)
    {
        CheckDirectoryUrl(at, nameof(acme.DirectoryUrl), acme.DirectoryUrl);
        if (acme.Staging)
        {
            at.Error(nameof(acme.Staging), "picks a directory of Let's Encrypt, but DirectoryUrl names another; set one of the two");
        }
    }

    private static void CheckDirectoryUrl(SettingsScope at, string key, string? value)
    {
        if (!string.IsNullOrEmpty(value) && (!Uri.TryCreate(value, UriKind.Absolute, out var url) || url.Scheme != Uri.UriSchemeHttps))
        {
            at.Error(key, "must be the https URL of an ACME directory (RFC 8555 asks for https)");
        }
    }

    private static bool HoldsCertificates(string file)
    {
        try
        {
            var roots = new X509Certificate2Collection();
            roots.ImportFromPemFile(file);
            return roots.Count > 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return false;
        }
    }

    /// <param name="above">Where the account is set.</param>
    /// <param name="account">Null: it is not.</param>
    private static void CheckExternalAccount(SettingsScope above, ExternalAccountOptions? account)
    {
        if (account is null)
        {
            return;
        }

        var at = above.In(nameof(AcmeOptions.ExternalAccount));
        at.Required(nameof(account.KeyId), account.KeyId, "the key id that the authority gave you");
        if (at.Required(nameof(account.HmacKey), account.HmacKey, "the key that the authority gave you, in base64url") && !Base64Url.IsValid(account.HmacKey))
        {
            at.Error(nameof(account.HmacKey), "must be base64url", isSecret: true);
        }
    }
}
