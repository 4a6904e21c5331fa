namespace EdgeProxy.Tls;

/// <summary>The sources that a certificate can come from.</summary>
internal enum CertificateSource
{
    Acme,
    File,

    /// <summary>The local authority (<c>Tls:Internal</c>).</summary>
    Internal,
}

/// <summary>What becomes of a handshake for the names of a certificate.</summary>
internal enum CertificateState
{
    /// <summary>There is none: handshakes are refused.</summary>
    Missing,
    Valid,

    /// <summary>It is served, and browsers refuse it.</summary>
    Expired,
}

/// <summary>The state of a certificate, for people, the dashboard and metrics.</summary>
internal sealed record CertificateStatus
{
    /// <summary>The domain, or the file of an own certificate.</summary>
    public required string Name { get; init; }

    public required CertificateSource Source { get; init; }

    public CertificateState State { get; init; }

    /// <summary>The names that it is served for; none while it is missing.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    public string? Issuer { get; init; }

    public string? SerialNumber { get; init; }

    public DateTimeOffset? NotBefore { get; init; }

    public DateTimeOffset? NotAfter { get; init; }

    /// <summary>The days until <see cref="NotAfter"/>, negative after it; null: there is no certificate.</summary>
    public double? DaysLeft { get; init; }

    /// <summary>The time of the next attempt to get a new one; null: one runs, or nobody renews it here.</summary>
    public DateTimeOffset? RenewAt { get; init; }

    /// <summary>Whether an attempt to get a new one runs.</summary>
    public bool Renewing { get; init; }

    /// <summary>The number of attempts that have failed since the last good one.</summary>
    public int Failures { get; init; }

    /// <summary>Why the last attempt failed, in the authority's words where it was the authority. Null: it did not.</summary>
    public string? LastError { get; init; }

    public DateTimeOffset? LastErrorAt { get; init; }

    /// <summary>Makes the state after another certificate was loaded: the errors before it are forgotten.</summary>
    public CertificateStatus With(ServingCertificate certificate) => this with
    {
        Names = certificate.Names,
        Issuer = certificate.Issuer,
        SerialNumber = certificate.Leaf.SerialNumber,
        NotBefore = certificate.NotBefore,
        NotAfter = certificate.NotAfter,
        Failures = 0,
        LastError = null,
        LastErrorAt = null,
    };

    /// <summary>Makes the state after a failed attempt.</summary>
    public CertificateStatus WithError(string error, DateTimeOffset at) => this with { Failures = Failures + 1, LastError = error, LastErrorAt = at };

    /// <summary>Fills in what depends on the time.</summary>
    public CertificateStatus At(DateTimeOffset now) => NotAfter is not { } end ? this : this with
    {
        State = end > now ? CertificateState.Valid : CertificateState.Expired,
        DaysLeft = Math.Round((end - now).TotalDays, 3),
    };
}
