namespace EdgeProxy.Tls;

/// <summary>Where certificates come from, and what is done for hosts that have one.</summary>
internal sealed class TlsOptions
{
    public const string SectionName = "EdgeProxy:Tls";

    public AcmeOptions Acme { get; set; } = new();

    /// <summary>Own certificate files; null or empty: none.</summary>
    public CertificateFileOptions[]? Certificates { get; set; }

    /// <summary>Redirect plain requests with 308 to https for hosts whose certificate is loaded. Default true.</summary>
    public bool RedirectHttp { get; set; } = true;

    /// <summary>The port that plain requests are redirected to, from 1 to 65535; 443 is not named in the URL. For where something in front forwards
    /// another port to the endpoint of https. Null: 443 where an endpoint of https has it, else the port of the first one.</summary>
    public int? RedirectPort { get; set; }

    /// <summary>The value of <c>Strict-Transport-Security</c>; null: none.</summary>
    public string? Hsts { get; set; }

    /// <summary>Certificates from an own local authority, for development: for <c>localhost</c> and the hosts of <c>AllowedHosts</c> and
    /// of sites, addresses too, that are not in <c>Acme:Domains</c>. Default false.</summary>
    public bool Internal { get; set; }
}

/// <summary>Certificates from an ACME authority (RFC 8555).</summary>
internal sealed class AcmeOptions
{
    /// <summary>The names to get certificates for, one certificate each; null or empty: ACME is off.</summary>
    public string[]? Domains { get; set; }

    /// <summary>Where the authority writes when something is wrong with a certificate; null: nowhere.</summary>
    public string? Email { get; set; }

    /// <summary>Whether the terms of service of the authority are accepted. Default false; required to be true with <see cref="Domains"/>.</summary>
    public bool AcceptTermsOfService { get; set; }

    /// <summary>The URL of the authority's directory; null: Let's Encrypt.</summary>
    public string? DirectoryUrl { get; set; }

    /// <summary>Use the staging directory. Default false.</summary>
    public bool Staging { get; set; }

    /// <summary>A PEM file of roots to trust for the directories themselves; null: the system's.</summary>
    public string? TrustedRoots { get; set; }

    /// <summary>The challenges to try, in order; null: TLS-ALPN-01, then HTTP-01.</summary>
    public AcmeChallenge[]? Challenges { get; set; }

    public ExternalAccountOptions? ExternalAccount { get; set; }

    /// <summary>Further authorities, each asked where all before it have failed; null or empty: none.</summary>
    public AcmeFallbackOptions[]? Fallbacks { get; set; }

    /// <summary>
    /// A directory that has to accept the proof before a failed order is made again, so that a mistake does not use up what the authority allows;
    /// null: Let's Encrypt's staging directory for Let's Encrypt, none for others. One that cannot be asked is passed over.
    /// </summary>
    public string? RehearsalDirectoryUrl { get; set; }

    /// <summary>The kind of key that certificates are made for. Default <see cref="AcmeKeyType.P256"/>.</summary>
    public AcmeKeyType KeyType { get; set; } = AcmeKeyType.P256;
}

public enum AcmeChallenge
{
    TlsAlpn01,
    Http01,
}

public enum AcmeKeyType
{
    P256,
    P384,
    Rsa2048,
}

/// <summary>An authority for when the others fail. It is told the same e-mail address, and its terms of service are accepted, too.</summary>
internal sealed class AcmeFallbackOptions
{
    /// <summary>The URL of its directory. Required.</summary>
    public string? DirectoryUrl { get; set; }

    public ExternalAccountOptions? ExternalAccount { get; set; }
}

/// <summary>External account binding (RFC 8555 section 7.3.4).</summary>
internal sealed class ExternalAccountOptions
{
    /// <summary>What the authority calls the account. Required.</summary>
    public string? KeyId { get; set; }

    /// <summary>The key that it gave for the account, in base64url. Required, and a secret.</summary>
    public string? HmacKey { get; set; }
}

/// <summary>A certificate with its key, as PEM files. Names come from the certificate.</summary>
internal sealed class CertificateFileOptions
{
    /// <summary>The full chain. Required. Or a directory: every <c>NAME.crt</c> with a <c>NAME.key</c> beside it below that, as Caddy stores them.</summary>
    public string? Certificate { get; set; }

    /// <summary>The private key. Required where <see cref="Certificate"/> is a file.</summary>
    public string? Key { get; set; }
}
