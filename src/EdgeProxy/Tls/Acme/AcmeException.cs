namespace EdgeProxy.Tls.Acme;

/// <summary>An authority refused, failed, or could not be reached. The message is for people and quotes what the authority has said.</summary>
/// <param name="message">What happened.</param>
/// <param name="problem">The authority's response; null: it gave none that can be understood.</param>
/// <param name="retryAfter">How long it asks to be left alone; null: it does not say.</param>
/// <param name="inner">What the system said.</param>
internal sealed class AcmeException(
    string message, AcmeProblem? problem = null, TimeSpan? retryAfter = null, Exception? inner = null) : Exception(message, inner)
{
    public AcmeProblem? Problem { get; } = problem;

    public TimeSpan? RetryAfter { get; } = retryAfter;

    /// <summary>What the machines share could not be had: that says nothing of the authority.</summary>
    public bool IsOfSharing { get; init; }

    /// <summary>The authority does not know the account (any more): RFC 8555 section 6.7.</summary>
    public bool IsAccountGone => Problem?.Kind == "accountDoesNotExist";

    /// <summary>The certificate to be replaced has been replaced already (RFC 9773 section 5).</summary>
    public bool IsAlreadyReplaced => Problem?.Kind == "alreadyReplaced";

    /// <summary>The resource is not in the state that the request supposes: it was asked for twice.</summary>
    public bool IsConflict => Problem is { Status: StatusCodes.Status409Conflict } or { Kind: "conflict" };

    /// <summary>Trying the same again may well succeed: nothing was decided about what was asked for.</summary>
    public bool IsTransient => Problem is null or { Kind: "badNonce" or "rateLimited" or "serverInternal" } or { Status: >= 500 };
}
