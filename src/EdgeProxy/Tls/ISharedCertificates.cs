namespace EdgeProxy.Tls;

/// <summary>What the nodes of a fleet have in common of their certificates; a machine alone has none of it. Files are named as in the state directory, and
/// each node keeps its copy there: it starts and serves without the others.</summary>
/// <remarks>What cannot be reached is an <see cref="Acme.AcmeException"/>: nothing is ordered meanwhile, and it is tried again.</remarks>
internal interface ISharedCertificates
{
    /// <summary>Waits until no other node orders for the domain.</summary>
    Task<IOrderTurn> TakeTurnAsync(string domain, CancellationToken cancellationToken);

    /// <returns>Null: there is no such file.</returns>
    Task<string?> FindAsync(string file, CancellationToken cancellationToken);

    /// <summary>Keeps the file if there is none yet.</summary>
    /// <returns>What is there now.</returns>
    Task<string> AgreeAsync(string file, string content, CancellationToken cancellationToken);

    Task PutAsync(string file, string content, CancellationToken cancellationToken);

    Task DeleteAsync(string file, CancellationToken cancellationToken);

    /// <summary>Lets every node show a proof until the turn of this one ends.</summary>
    Task ShowAsync(AcmeChallenge type, string domain, string token, string keyAuthorization, CancellationToken cancellationToken);

    /// <summary>Shows the proofs of other nodes, and tells of files: as they are at first, and when one has changed. Until it is cancelled.</summary>
    Task FollowAsync(IReadOnlyCollection<string> files, Action<string, string> changed, CancellationToken cancellationToken);
}

/// <summary>This node is the one that orders for a domain, until it is disposed, or dies.</summary>
internal interface IOrderTurn : IAsyncDisposable
{
    /// <summary>Why another node's attempt has failed lately: it tries again itself; null: none has.</summary>
    string? Failure { get; }

    /// <summary>The attempt has failed: no other node makes one for a while, unless it is asked to.</summary>
    Task FailAsync(string reason, TimeSpan retryAfter);
}
