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
    ILogger<CertificateLoop> logger)
{
    /// <summary>A long wait is divided: a clock that was set meanwhile is noticed.</summary>
    private static readonly TimeSpan _longestWait = TimeSpan.FromHours(1);

    private readonly AttemptRequests _requests = new();

    private CertificateStatus _status = new() { Name = domain, Source = CertificateSource.Acme };
    private StoredCertificate? _stored;
    private ServingCertificate? _serving;
    private DateTimeOffset? _retryAt;
    private int _failures;

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
        while (true)
        {
            await WaitUntilDueAsync(cancellationToken);
            await TryAsync(cancellationToken);
        }
    }

    /// <summary>Makes an attempt now, or joins the one that runs.</summary>
    /// <returns>Completes with it: null, or why it failed.</returns>
    public Task<string?> RenewAsync() => _requests.Ask();

    private CertificateLife? Life => _serving is null ? null : new CertificateLife(
        _serving.NotBefore,
        _serving.NotAfter,
        _stored!.ObtainedAt,
        BitConverter.ToUInt32(SHA256.HashData(_serving.Leaf.SerialNumberBytes.Span)) / (double)uint.MaxValue);

    private async Task WaitUntilDueAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var asked = _requests.Asked;
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
            await asked.WaitAsync(wait, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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

    private async Task TryAsync(CancellationToken cancellationToken)
    {
        Report(_status with { Renewing = true, RenewAt = null });
        string? error = null;
        try
        {
            var (stored, serving) = await issuer.ObtainAsync(domain, _serving, _stored?.Directory, _failures, cancellationToken);
            (_failures, _retryAt) = (0, null);
            Use(stored, serving);
            Keep(stored);
            Log.Obtained(logger, domain, serving.Issuer, serving.NotAfter);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _requests.Complete("EdgeProxy stops");
            throw;
        }
        catch (Exception failure)
        {
            error = Fail(failure);
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

    /// <summary>What cannot be kept is served all the same; the order is left, so that the next process can have the certificate again.</summary>
    private void Keep(StoredCertificate stored)
    {
        try
        {
            store.WriteCertificate(domain, stored);
            store.DeleteOrder(domain);
        }
        catch (StateException e)
        {
            _status = _status.WithError($"the certificate is served, but not kept: {e.Message}", time.GetUtcNow());
            Log.NotKept(logger, domain, e.Message);
        }
    }

    private string Fail(Exception failure)
    {
        var now = time.GetUtcNow();
        _failures++;
        _retryAt = RenewalPlan.RetryAt(now, _failures, Life, (failure as AcmeException)?.RetryAfter, Random.Shared.NextDouble());
        var error = failure is CertificateException ? $"what the authority sent {failure.Message}" : failure.Message;
        _status = _status.WithError(error, now);
        if (failure is not (AcmeException or CertificateException or StateException))
        {
            Log.Broken(logger, domain, _retryAt.Value, failure);
        }
        else if (_serving is null || RenewalPlan.IsEmergency(Life!.Value, now))
        {
            Log.FailedLate(
                logger,
                domain,
                _failures,
                _retryAt.Value,
                _serving is null ? "there is none yet, HTTPS is refused" : $"the one in service ends at {_serving.NotAfter:u}",
                error);
        }
        else
        {
            Log.Failed(logger, domain, _failures, _retryAt.Value, _serving.NotAfter, error);
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

        [LoggerMessage(
            1136, LogLevel.Error, "The attempt to have a certificate for {Domain} broke; the next one is at {RetryAt:u}. This is a mistake of EdgeProxy")]
        public static partial void Broken(ILogger logger, string domain, DateTimeOffset retryAt, Exception failure);
    }
}
