using System.Security.Cryptography.X509Certificates;

namespace EdgeProxy.Tls.Acme;

/// <summary>What an authority says about when to renew one certificate (RFC 9773), asked no more often than it wants.</summary>
/// <remarks>Not for several threads at once: each certificate's loop has its own.</remarks>
internal sealed partial class RenewalAdvice(TimeProvider time, ILogger logger)
{
    /// <summary>RFC 9773 section 4.3.3: where nothing can be had.</summary>
    private static readonly TimeSpan _askAgain = TimeSpan.FromHours(6);
    private static readonly TimeSpan _soonest = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan _latest = TimeSpan.FromDays(1);

    private string? _serial;

    /// <summary>When the next question is due.</summary>
    public DateTimeOffset AskAt { get; private set; }

    /// <summary>The advice so far; null: none, or the authority has no opinion.</summary>
    public RenewalWindow? Window { get; private set; }

    /// <summary>Asks, if it is time. What goes wrong is no failure: the plan without advice holds.</summary>
    /// <param name="certificate">The certificate.</param>
    /// <param name="accounts">With the authority that has issued it.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    public async Task RefreshAsync(X509Certificate2 certificate, AcmeAccounts accounts, CancellationToken cancellationToken)
    {
        if (certificate.SerialNumber != _serial)
        {
            (_serial, Window, AskAt) = (certificate.SerialNumber, null, default);
        }

        if (AskAt > time.GetUtcNow() || RenewalId.Of(certificate) is not { } id)
        {
            return;
        }

        AskAt = time.GetUtcNow() + _askAgain;
        try
        {
            using var session = accounts.Visit();
            if ((await session.GetDirectoryAsync(cancellationToken)).RenewalInfo is not { } place)
            {
                return;
            }

            var response = await session.GetAsync(new Uri($"{place.AbsoluteUri.TrimEnd('/')}/{id}"), cancellationToken);
            var (window, explanation) = response.Read(AcmeJson.Default.RenewalInformation);
            var wait = response.RetryAfter ?? _askAgain;
            AskAt = time.GetUtcNow() + (wait < _soonest ? _soonest : wait > _latest ? _latest : wait);
            if (window.End <= window.Start)
            {
                return; // RFC 9773 section 4.2: not valid
            }

            var suggested = new RenewalWindow(window.Start, window.End);
            if (suggested != Window)
            {
                Log.Suggested(logger, certificate.SerialNumber, suggested.Start, suggested.End, explanation);
            }

            Window = suggested;
        }
        catch (Exception failed) when (failed is not OperationCanceledException)
        {
            Log.NotToBeHad(logger, certificate.SerialNumber, failed.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            1124, LogLevel.Information,
            "The authority suggests to renew certificate {SerialNumber} between {Start:u} and {End:u} (explanation: {Explanation})")]
        public static partial void Suggested(ILogger logger, string serialNumber, DateTimeOffset start, DateTimeOffset end, Uri? explanation);

        [LoggerMessage(1125, LogLevel.Debug, "The authority does not say when to renew certificate {SerialNumber}: {Reason}")]
        public static partial void NotToBeHad(ILogger logger, string serialNumber, string reason);
    }
}
