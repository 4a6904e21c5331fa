using System.Buffers;
using System.Collections.Concurrent;
using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Fleet.Etcd.Wire;
using EdgeProxy.Tls;
using EdgeProxy.Tls.Acme;

namespace EdgeProxy.Fleet;

/// <summary>Certificates, accounts, orders and proofs of a fleet in etcd, sealed: who can read its disk or its backups has no key of them.</summary>
/// <remarks>
/// One node orders for a domain at a time. Here a lock is enough, as two orders cost an order and not a wrong response; it is a key with a lease of its own,
/// and what the order needs meanwhile goes with it. No app can have the name of its place.
/// </remarks>
internal sealed partial class FleetCertificates : ISharedCertificates
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);

    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    private readonly FleetNode _node;
    private readonly PendingChallenges _challenges;
    private readonly TimeProvider _time;
    private readonly ILogger<FleetCertificates> _logger;
    private readonly string _prefix;
    private readonly ConcurrentDictionary<string, long> _turns = [];
    private readonly Dictionary<string, IDisposable> _shown = []; // by the one that follows alone
    private readonly MissLimit _misses;

    public FleetCertificates(FleetNode node, PendingChallenges challenges, TimeProvider time, ILogger<FleetCertificates> logger)
    {
        (_node, _challenges, _time, _logger) = (node, challenges, time, logger);
        _prefix = $"/edgeproxy/{node.Options.Name}/.tls/";
        _misses = new(time);
        challenges.Elsewhere = FindProofAsync;
    }

    private string Proofs => _prefix + "challenges/";

    public Task<IOrderTurn> TakeTurnAsync(string domain, CancellationToken cancellationToken) => AskAsync<IOrderTurn>(async () =>
    {
        var turn = new Turn(this, domain, await _node.Etcd.GrantAsync(_node.Options.LostAfter, cancellationToken));
        try
        {
            await turn.WaitAsync(cancellationToken);
            return turn;
        }
        catch
        {
            await turn.DisposeAsync();
            throw;
        }
    });

    public Task<string?> FindAsync(string file, CancellationToken cancellationToken) => AskAsync(async () =>
        await _node.Etcd.FindAsync(_prefix + file, cancellationToken) is { } found ? Unseal(found) : null);

    public Task<string> AgreeAsync(string file, string content, CancellationToken cancellationToken) => AskAsync(async () =>
    {
        while (true)
        {
            var found = await _node.Etcd.FindAsync(_prefix + file, cancellationToken);
            if (found is not null && Unseal(found) is { } there)
            {
                return there;
            }

            // None, or one that is not the fleet's work.
            if (await _node.Etcd.CommitAsync([Transaction.IsAt(_prefix + file, found?.Revision ?? 0)], [Put(file, content)], cancellationToken))
            {
                return content;
            }
        }
    });

    public Task PutAsync(string file, string content, CancellationToken cancellationToken) =>
        AskAsync(() => _node.Etcd.CommitAsync([], [Put(file, content)], cancellationToken));

    public Task DeleteAsync(string file, CancellationToken cancellationToken) =>
        AskAsync(() => _node.Etcd.CommitAsync([], [Transaction.Delete(_prefix + file)], cancellationToken));

    public Task ShowAsync(AcmeChallenge type, string domain, string token, string keyAuthorization, CancellationToken cancellationToken)
    {
        var proof = ProofOf(type, type == AcmeChallenge.Http01 ? token : domain);
        return AskAsync(() => _node.Etcd.CommitAsync([], [Put(proof, keyAuthorization, _turns[domain])], cancellationToken));
    }

    public async Task FollowAsync(IReadOnlyCollection<string> files, Action<string, string> changed, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await FollowOnceAsync(files, changed, cancellationToken);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                if (e is not EtcdException)
                {
                    Log.Threw(_logger, e);
                }

                await Task.Delay(Look, _time, cancellationToken);
            }
        }
    }

    private async Task FollowOnceAsync(IReadOnlyCollection<string> files, Action<string, string> changed, CancellationToken cancellationToken)
    {
        var proofs = await _node.Etcd.ReadAsync(Proofs, cancellationToken);
        foreach (var gone in _shown.Keys.Except(proofs.Keys.Select(key => key.Name)).ToArray())
        {
            Withdraw(gone);
        }

        foreach (var proof in proofs.Keys)
        {
            Show(proof);
        }

        foreach (var file in files)
        {
            // One by one: all at once may be more than a message of gRPC holds.
            if (await _node.Etcd.FindAsync(_prefix + file, cancellationToken) is { } found && Unseal(found) is { } content)
            {
                changed(file, content);
            }
        }

        await foreach (var changes in _node.Etcd.WatchAsync(_prefix, proofs.Revision + 1, cancellationToken))
        {
            foreach (var change in changes.Changes)
            {
                var name = change.Key.Name;
                if (change.IsDeleted)
                {
                    Withdraw(name);
                }
                else if (name.StartsWith(Proofs, StringComparison.Ordinal))
                {
                    Show(change.Key);
                }
                else if (files.Contains(name[_prefix.Length..]) && Unseal(change.Key) is { } content)
                {
                    changed(name[_prefix.Length..], content);
                }
            }
        }
    }

    private void Show(EtcdKey proof)
    {
        if (Unseal(proof) is { } keyAuthorization)
        {
            var parts = proof.Name[Proofs.Length..].Split('/', 2);
            Withdraw(proof.Name);
            _shown[proof.Name] = parts is ["http", var token]
                ? _challenges.Show(AcmeChallenge.Http01, "", token, keyAuthorization)
                : _challenges.Show(AcmeChallenge.TlsAlpn01, parts[^1], "", keyAuthorization);
        }
    }

    private void Withdraw(string proof)
    {
        if (_shown.Remove(proof, out var shown))
        {
            shown.Dispose();
        }
    }

    /// <summary>Finds a proof that the watch has not brought yet: the authority may be faster than it.</summary>
    /// <param name="type">How it is asked for.</param>
    /// <param name="name">A token as it came, or a domain.</param>
    /// <param name="cancellationToken">Ends the look.</param>
    private async ValueTask<string?> FindProofAsync(AcmeChallenge type, string name, CancellationToken cancellationToken)
    {
        var isToken = name is { Length: > 0 and <= 256 } && !name.AsSpan().ContainsAnyExcept(TokenCharacters);
        if ((type == AcmeChallenge.Http01 && !isToken) || !_misses.TryTake())
        {
            return null;
        }

        try
        {
            return await _node.Etcd.FindAsync(_prefix + ProofOf(type, name), cancellationToken) is { } found ? Unseal(found) : null;
        }
        catch (Exception e) when (e is EtcdException or OperationCanceledException)
        {
            return null;
        }
    }

    private static string ProofOf(AcmeChallenge type, string name) => $"challenges/{(type == AcmeChallenge.Http01 ? "http" : "tls")}/{name}";

    private RequestOp Put(string file, string content, long lease = 0) =>
        Transaction.Put(_prefix + file, _node.Key.Seal(_prefix + file, content), lease);

    private string? Unseal(EtcdKey key)
    {
        var content = _node.Key.Unseal(key.Name, key.Value);
        if (content is null)
        {
            Log.Foreign(_logger, key.Name);
        }

        return content;
    }

    private static async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (EtcdException e)
        {
            throw new AcmeException($"the certificates of the fleet go through etcd: {e.Words}", inner: e) { IsOfSharing = true };
        }
    }

    /// <summary>Allows ten looks a second: anybody can ask for tokens that are nobody's.</summary>
    private sealed class MissLimit(TimeProvider time)
    {
        private const int ASecond = 10;

        private readonly Lock _counting = new();
        private long _since;
        private int _count;

        public bool TryTake()
        {
            lock (_counting)
            {
                if (_since == 0 || time.GetElapsedTime(_since) >= TimeSpan.FromSeconds(1))
                {
                    (_since, _count) = (time.GetTimestamp(), 0);
                }

                return _count++ < ASecond;
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1420, LogLevel.Error, "{Key} in etcd is not sealed with the fleet's key; it is as if it were not there")]
        public static partial void Foreign(ILogger logger, string key);

        [LoggerMessage(1421, LogLevel.Error, "What is shared of the fleet's certificates broke, and goes on")]
        public static partial void Threw(ILogger logger, Exception exception);
    }
}
