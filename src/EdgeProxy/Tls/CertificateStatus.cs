namespace EdgeProxy.Tls;

/// <summary>Where a certificate comes from.</summary>
internal enum CertificateSource
{
    Acme,
    File,

    /// <summary>The local authority.</summary>
    Internal,
}

/// <summary>What handshakes for the names meet.</summary>
internal enum CertificateState
{
    /// <summary>There is none: handshakes are refused.</summary>
    Missing,
    Valid,

    /// <summary>It is served, and browsers refuse it.</summary>
    Expired,
}

/// <summary>How a certificate is, for people, the dashboard and metrics.</summary>
internal sealed record CertificateStatus
{
    /// <summary>The domain; of an own one, the file.</summary>
    public required string Name { get; init; }

    public required CertificateSource Source { get; init; }

    public CertificateState State { get; init; }

    /// <summary>The names that it is served for; none while it is missing.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    public string? Issuer { get; init; }

    public string? SerialNumber { get; init; }

    public DateTimeOffset? NotBefore { get; init; }

    public DateTimeOffset? NotAfter { get; init; }

    /// <summary>Until <see cref="NotAfter"/>, negative after it. Null: there is no certificate.</summary>
    public double? DaysLeft { get; init; }

    /// <summary>When the next attempt to have a new one is due. Null: one runs, or nobody renews it here.</summary>
    public DateTimeOffset? RenewAt { get; init; }

    /// <summary>An attempt to have a new one runs.</summary>
    public bool Renewing { get; init; }

    /// <summary>Attempts that have failed since the last good one.</summary>
    public int Failures { get; init; }

    /// <summary>Why the last attempt failed, in the authority's words where it was the authority. Null: it did not.</summary>
    public string? LastError { get; init; }

    public DateTimeOffset? LastErrorAt { get; init; }

    /// <summary>The same with another certificate, and without the errors before it.</summary>
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

    /// <summary>The same after a failed attempt.</summary>
    public CertificateStatus WithError(string error, DateTimeOffset at) => this with { Failures = Failures + 1, LastError = error, LastErrorAt = at };

    /// <summary>With what depends on the time.</summary>
    public CertificateStatus At(DateTimeOffset now) => NotAfter is not { } end ? this : this with
    {
        State = end > now ? CertificateState.Valid : CertificateState.Expired,
        DaysLeft = Math.Round((end - now).TotalDays, 3),
    };
}
