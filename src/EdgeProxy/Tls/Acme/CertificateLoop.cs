using System.Security.Cryptography;
using EdgeProxy.State;

namespace EdgeProxy.Tls.Acme;

/// <summary>The life of one domain's certificate: loaded, served, renewed in time, for ever.</summary>
/// <remarks>
/// <see cref="RunAsync"/> is the one that changes anything; it ends with its token and no failure ends it. <see cref="RenewAsync"/> may be called by anyone.
/// </remarks>
internal sealed partial class CertificateLoop(
    string domain,
    CertificateIssuer issuer,
    AcmeAuthorities authorities,
    CertificateStore store,
    CertificateTable table,
    CertificateStatusRegistry board,
    RenewalAdvice advice,
    TimeProvider time,
    ILogger<CertificateLoop> logger,
    ISharedCertificates? shared)
{
    /// <summary>A long wait is divided: a clock that was set meanwhile is noticed.</summary>
    private static readonly TimeSpan _longestWait = TimeSpan.FromHours(1);

    private readonly AttemptRequests _requests = new();

    private CertificateStatus _status = new() { Name = domain, Source = CertificateSource.Acme };
    private StoredCertificate? _stored;
    private ServingCertificate? _serving;
    private DateTimeOffset? _retryAt;
    private int _failures;
    private string? _offered;
    private TaskCompletionSource _offer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Domain => domain;

    /// <summary>Serves what is on disk. Before anything listens.</summary>
    public void Load()
    {
        var (stored, problem) = store.ReadCertificate(domain);
        try
        {
            if (stored is not null)
            {
                Use(stored, ServingCertificate.FromPem(stored.Pem, stored.Pem));
                Log.Loaded(logger, domain, _serving!.NotAfter);
            }
        }
        catch (CertificateException e)
        {
            problem = $"it {e.Message}";
        }

        if (problem is not null)
        {
            Log.NotLoaded(logger, domain, problem);
        }

        Report(_status);
    }

    /// <summary>Waits until a certificate is due, tries to have it, and so on.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await AgreeAsync(cancellationToken);
        while (true)
        {
            await WaitUntilDueAsync(cancellationToken);
            await TryAsync(cancellationToken);
        }
    }

    /// <summary>Makes an attempt now, or joins the one that runs.</summary>
    /// <returns>Completes with it: null, or why it failed.</returns>
    public Task<string?> RenewAsync() => _requests.Ask();

    /// <summary>Another node of the fleet has a certificate, which this one serves if it is newer.</summary>
    public void Offer(string text)
    {
        Volatile.Write(ref _offered, text);
        Interlocked.Exchange(ref _offer, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
    }

    private CertificateLife? Life => _serving is null ? null : new CertificateLife(
        _serving.NotBefore,
        _serving.NotAfter,
        _stored!.ObtainedAt,
        BitConverter.ToUInt32(SHA256.HashData(_serving.Leaf.SerialNumberBytes.Span)) / (double)uint.MaxValue);

    private async Task WaitUntilDueAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var (asked, offer) = (_requests.Asked, Volatile.Read(ref _offer).Task);
            if (Interlocked.Exchange(ref _offered, null) is { } offered)
            {
                Take(offered);
            }

            var due = await DueAtAsync(cancellationToken);
            var wait = due - time.GetUtcNow();
            if (wait <= TimeSpan.Zero || asked.IsCompleted)
            {
                return;
            }

            if (_status.RenewAt != due)
            {
                Report(_status with { RenewAt = due });
            }

            wait = wait < _longestWait ? wait : _longestWait;
            await ((Task)Task.WhenAny(asked, offer)).WaitAsync(wait, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private async Task<DateTimeOffset> DueAtAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (_retryAt is { } retry)
        {
            return retry;
        }

        if (Life is not { } life || authorities.Find(_stored!.Directory) is not { } authority)
        {
            return now; // none, or one of another authority: its staging one, say
        }

        await advice.RefreshAsync(_serving!.Leaf, authority, cancellationToken);
        return RenewalPlan.DueAt(life, advice.Window);
    }

    /// <summary>What this node has from a time when it was alone is the fleet's; or the fleet's is this node's.</summary>
    private async Task AgreeAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (await store.AgreeOnCertificateAsync(domain, _stored, cancellationToken) is { } theirs)
            {
                Take(theirs);
            }
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            Log.NotAgreed(logger, domain, failure.Message); // it is served here, and told with the next one
        }
    }

    private async Task TryAsync(CancellationToken cancellationToken)
    {
        var isAskedFor = _requests.Asked.IsCompleted;
        Report(_status with { Renewing = true, RenewAt = null });
        string? error = null;
        IOrderTurn? turn = null;
        var isOrdering = false;
        try
        {
            turn = shared is null ? null : await shared.TakeTurnAsync(domain, cancellationToken);
            if (turn is null || await store.AgreeOnCertificateAsync(domain, own: null, cancellationToken) is not { } theirs || !Take(theirs))
            {
                if (turn?.Failure is { } failed && !isAskedFor)
                {
                    throw new AcmeException(failed);
                }

                isOrdering = true;
                var (stored, serving) = await issuer.ObtainAsync(domain, _serving, _stored?.Directory, _failures, cancellationToken);
                (_failures, _retryAt) = (0, null);
                Use(stored, serving);
                await KeepAsync(stored, cancellationToken);
                Log.Obtained(logger, domain, serving.Issuer, serving.NotAfter);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _requests.Complete("EdgeProxy stops");
            throw;
        }
        catch (Exception failure)
        {
            error = Fail(failure);
            if (turn is not null && isOrdering && failure is AcmeException { IsOfSharing: false } or CertificateException) // a full disk is this node's alone
            {
                await turn.FailAsync(error, _retryAt!.Value - time.GetUtcNow());
            }
        }
        finally
        {
            if (turn is not null)
            {
                await turn.DisposeAsync();
            }
        }

        Report(_status with { Renewing = false });
        _requests.Complete(error);
    }

    /// <summary>Serves it from the next handshake on.</summary>
    private void Use(StoredCertificate stored, ServingCertificate serving)
    {
        (_stored, _serving) = (stored, serving);
        table.Publish(domain, serving);
        _status = _status.With(serving);
    }

    /// <summary>Serves the certificate of another node, if it is one of ours and newer.</summary>
    private bool Take(string text)
    {
        try
        {
            if (StoredCertificate.FromText(text) is not { } theirs || authorities.Find(theirs.Directory) is null)
            {
                return false; // of a staging authority, say, that this node's settings do not name any more
            }

            var serving = ServingCertificate.FromPem(theirs.Pem, theirs.Pem);
            var isNewer = _serving is null || authorities.Find(_stored!.Directory) is null
                || (theirs.ObtainedAt >= _stored!.ObtainedAt && serving.Leaf.SerialNumber != _serving.Leaf.SerialNumber);
            if (!isNewer || serving.NotAfter <= time.GetUtcNow() || !serving.Leaf.MatchesHostname(domain, allowWildcards: true, allowCommonName: false))
            {
                return false;
            }

            (_failures, _retryAt) = (0, null);
            Use(theirs, serving);
            store.WriteCertificate(domain, theirs);
            store.DeleteOrder(domain);
            Log.Taken(logger, domain, serving.NotAfter);
        }
        catch (CertificateException e)
        {
            Log.NotTaken(logger, domain, e.Message);
            return false;
        }
        catch (StateException e)
        {
            NotKept(e);
        }

        Report(_status);
        return true;
    }

    /// <summary>What cannot be kept is served all the same; the order is left, so that the next process can have the certificate again.</summary>
    private async Task KeepAsync(StoredCertificate stored, CancellationToken cancellationToken)
    {
        try
        {
            store.WriteCertificate(domain, stored);
            await store.ShareCertificateAsync(domain, stored, cancellationToken);
            await store.DeleteOrderAsync(domain, cancellationToken);
        }
        catch (Exception e) when (e is StateException or AcmeException)
        {
            NotKept(e);
        }
    }

    private void NotKept(Exception why)
    {
        _status = _status.WithError($"the certificate is served, but not kept: {why.Message}", time.GetUtcNow());
        Log.NotKept(logger, domain, why.Message);
    }

    private string Fail(Exception failure)
    {
        var now = time.GetUtcNow();
        // The old server's, until the first own one is there.
        var serving = _serving ?? table.Find(domain);
        _failures++;
        _retryAt = RenewalPlan.RetryAt(now, _failures, Life, (failure as AcmeException)?.RetryAfter, Random.Shared.NextDouble());
        var error = failure is CertificateException ? $"what the authority sent {failure.Message}" : failure.Message;
        _status = _status.WithError(error, now);
        if (failure is not (AcmeException or CertificateException or StateException))
        {
            Log.Broken(logger, domain, _retryAt.Value, failure);
        }
        else if (serving is null || RenewalPlan.IsEmergency(Life ?? new CertificateLife(serving.NotBefore, serving.NotAfter, serving.NotBefore, 0), now))
        {
            Log.FailedLate(
                logger,
                domain,
                _failures,
                _retryAt.Value,
                serving is null ? "there is none yet, HTTPS is refused" : $"the one in service ends at {serving.NotAfter:u}",
                error);
        }
        else
        {
            Log.Failed(logger, domain, _failures, _retryAt.Value, serving.NotAfter, error);
        }

        return error;
    }

    private void Report(CertificateStatus status) => board.Set(_status = status);

    private static partial class Log
    {
        [LoggerMessage(1130, LogLevel.Information, "The certificate for {Domain} has been loaded; it serves until {NotAfter:u}")]
        public static partial void Loaded(ILogger logger, string domain, DateTimeOffset notAfter);

        [LoggerMessage(1131, LogLevel.Error, "The stored certificate for {Domain} cannot be used, a new one is ordered: {Problem}")]
        public static partial void NotLoaded(ILogger logger, string domain, string problem);

        [LoggerMessage(1132, LogLevel.Information, "There is a new certificate for {Domain}, issued by {Issuer}; it serves until {NotAfter:u}")]
        public static partial void Obtained(ILogger logger, string domain, string issuer, DateTimeOffset notAfter);

        [LoggerMessage(1133, LogLevel.Error, "The new certificate for {Domain} is served, but it could not be kept for the next start: {Problem}")]
        public static partial void NotKept(ILogger logger, string domain, string problem);

        [LoggerMessage(
            1134,
            LogLevel.Warning,
            "No new certificate for {Domain} ({Failures} failures in a row); the next attempt is at {RetryAt:u}, the one in service lasts until " +
                "{NotAfter:u}: {Reason}")]
        public static partial void Failed(ILogger logger, string domain, int failures, DateTimeOffset retryAt, DateTimeOffset notAfter, string reason);

        [LoggerMessage(
            1135, LogLevel.Error, "No certificate for {Domain} ({Failures} failures in a row); the next attempt is at {RetryAt:u}; {Situation}: {Reason}")]
        public static partial void FailedLate(ILogger logger, string domain, int failures, DateTimeOffset retryAt, string situation, string reason);

        [LoggerMessage(1137, LogLevel.Information, "There is a new certificate for {Domain} from another node of the fleet; it serves until {NotAfter:u}")]
        public static partial void Taken(ILogger logger, string domain, DateTimeOffset notAfter);

        [LoggerMessage(1138, LogLevel.Error, "The certificate for {Domain} that another node of the fleet has got cannot be used: it {Problem}")]
        public static partial void NotTaken(ILogger logger, string domain, string problem);

        [LoggerMessage(
            1139, LogLevel.Warning, "The certificate for {Domain} has not been compared with the fleet's, and is served as it is: {Problem}")]
        public static partial void NotAgreed(ILogger logger, string domain, string problem);

        [LoggerMessage(
            1136, LogLevel.Error, "The attempt to have a certificate for {Domain} broke; the next one is at {RetryAt:u}. This is a mistake of EdgeProxy")]
        public static partial void Broken(ILogger logger, string domain, DateTimeOffset retryAt, Exception failure);
    }
}
