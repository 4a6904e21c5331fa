namespace EdgeProxy.Tls.Acme;

/// <summary>The URLs of an authority's resources (RFC 8555 section 7.1.1).</summary>
internal sealed record AcmeDirectory
{
    public required Uri NewNonce { get; init; }

    public required Uri NewAccount { get; init; }

    public required Uri NewOrder { get; init; }

    /// <summary>RFC 9773. Null: the authority does not say when to renew.</summary>
    public Uri? RenewalInfo { get; init; }

    public AcmeDirectoryMeta? Meta { get; init; }
}

internal sealed record AcmeDirectoryMeta(string? TermsOfService, bool ExternalAccountRequired);

/// <summary>RFC 8555 section 7.3.</summary>
internal sealed record NewAccount(bool TermsOfServiceAgreed, IReadOnlyList<string>? Contact, FlattenedJws? ExternalAccountBinding);

/// <summary>RFC 8555 section 7.4, with <c>replaces</c> of RFC 9773 section 5.</summary>
internal sealed record NewOrder(IReadOnlyList<AcmeIdentifier> Identifiers, string? Replaces);

internal sealed record AcmeIdentifier(string Type, string Value);

/// <summary>RFC 8555 section 7.4: the request for the certificate, base64url.</summary>
internal sealed record FinalizeOrder(string Csr);

/// <summary><c>{}</c>: what triggers a challenge (RFC 8555 section 7.5.1); an empty payload would only read it.</summary>
internal sealed record Empty;

/// <summary>RFC 8555 section 7.1.3.</summary>
internal sealed record AcmeOrder
{
    public required string Status { get; init; }

    public IReadOnlyList<Uri> Authorizations { get; init => field = value ?? []; } = []; // null where the authority leaves it out

    public required Uri Finalize { get; init; }

    public Uri? Certificate { get; init; }

    public AcmeProblem? Error { get; init; }

    /// <summary>The authority works on it. One that is valid may still lack its certificate for a moment.</summary>
    public bool IsUnderWay => Status is "pending" or "processing" || (Status == "valid" && Certificate is null);
}

/// <summary>RFC 8555 section 7.1.4.</summary>
internal sealed record AcmeAuthorization
{
    public required string Status { get; init; }

    public required AcmeIdentifier Identifier { get; init; }

    public IReadOnlyList<AcmeChallengeState> Challenges { get; init => field = value ?? []; } = []; // null where the authority leaves it out

    public bool IsUnderWay => Status == "pending";
}

/// <summary>RFC 8555 section 7.1.5.</summary>
internal sealed record AcmeChallengeState
{
    public required string Type { get; init; }

    public required Uri Url { get; init; }

    public required string Status { get; init; }

    public string? Token { get; init; }

    public AcmeProblem? Error { get; init; }
}

/// <summary>What the authority has against a request (RFC 9457; types in RFC 8555 section 6.7).</summary>
internal sealed record AcmeProblem
{
    private const string Namespace = "urn:ietf:params:acme:error:";
    private const int MaxLength = 1000;

    public string? Type { get; init; }

    public string? Detail { get; init; }

    public int Status { get; init; }

    public IReadOnlyList<AcmeProblem> Subproblems { get; init => field = value ?? []; } = []; // null where the authority leaves it out

    /// <summary>The type without its namespace: <c>rateLimited</c>.</summary>
    public string Kind => Type?.StartsWith(Namespace, StringComparison.Ordinal) == true ? Type[Namespace.Length..] : Type ?? "unknown";

    /// <summary>The problem in the authority's words, on one line.</summary>
    public override string ToString()
    {
        var text = string.Join("; ", [$"{Kind}: {Detail}", .. Subproblems.Select(sub => $"{sub.Kind}: {sub.Detail}")]);
        text = text.Length > MaxLength ? text[..MaxLength] : text;
        return string.Concat(text.Select(character => char.IsControl(character) ? ' ' : character));
    }
}

/// <summary>RFC 9773 section 4.2.</summary>
internal sealed record RenewalInformation(SuggestedWindow SuggestedWindow, Uri? ExplanationUrl);

internal sealed record SuggestedWindow(DateTimeOffset Start, DateTimeOffset End);
