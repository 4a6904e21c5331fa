using System.Security.Cryptography;
using System.Text;
using EdgeProxy.State;

namespace EdgeProxy.Tls.Local;

/// <summary>The local authority at work: keeps its root in the state directory, and a certificate for its names in memory.</summary>
/// <remarks>
/// Owned by the host: the certificate is there before anything listens, and is looked at every <see cref="Interval"/> until the stop. What fails is tried
/// again then; the certificate from before stays in service. The key of a certificate is never written: the next process makes another.
/// </remarks>
/// <param name="names">None: it does nothing.</param>
internal sealed partial class LocalCertificates(
    IReadOnlyList<string> names,
    StateDirectory state,
    CertificateTable table,
    CertificateStatusRegistry board,
    TimeProvider time,
    ILogger<LocalCertificates> logger) : BackgroundService
{
    /// <summary>The file with certificate and key of the root, for the owner alone.</summary>
    public const string RootFile = Folder + "/root.pem";

    /// <summary>What the certificate is called in status and metrics.</summary>
    public const string Name = "local authority";

    private const string Folder = "local";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    internal static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);
    internal static readonly TimeSpan Life = TimeSpan.FromDays(30);

    private CertificateStatus _status = new() { Name = Name, Source = CertificateSource.Internal };
    private LocalRoot? _root;
    private DateTimeOffset _renewAt;

    /// <summary>What clients are to trust, PEM; null: there is none.</summary>
    public string? RootPem => Volatile.Read(ref _root)?.CertificatePem;

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        if (names.Count > 0)
        {
            Look();
        }

        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (names.Count == 0)
        {
            return;
        }

        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            Look();
        }
    }

    private void Look()
    {
        var now = time.GetUtcNow();
        if (now < _renewAt)
        {
            return;
        }

        try
        {
            var root = _root is { } known && known.NotAfter > now + Life ? known : FindRoot(now);
            var certificate = root.Issue(names, now, Life);
            table.Publish(Name, certificate);
            Volatile.Write(ref _root, root);
            _renewAt = certificate.NotAfter - (Life / 3);
            _status = _status.With(certificate) with { RenewAt = _renewAt };
            Log.Issued(logger, string.Join(", ", names), certificate.NotAfter);
        }
        catch (Exception e) when (e is StateException or CryptographicException)
        {
            _status = _status.WithError(e.Message, now);
            Log.Failed(logger, e.Message, Interval.TotalSeconds);
        }

        board.Set(_status);
    }

    /// <exception cref="StateException">A new one could not be kept: it would have to be trusted again and again.</exception>
    private LocalRoot FindRoot(DateTimeOffset now)
    {
        if (Read(now) is { } kept)
        {
            return kept;
        }

        var root = LocalRoot.Create(names, now);
        state.CreateFolder(Folder, OwnerOnly | UnixFileMode.UserExecute);
        state.WriteAtomically(RootFile, Encoding.ASCII.GetBytes(root.ToPem()), OwnerOnly);
        Log.NewRoot(logger, string.Join(", ", names), root.NotAfter);
        return root;
    }

    /// <returns>Null: there is none, or none that will do.</returns>
    private LocalRoot? Read(DateTimeOffset now)
    {
        var (content, problem) = state.Read(RootFile);
        if (content is not null)
        {
            try
            {
                var root = LocalRoot.FromPem(Encoding.ASCII.GetString(content));
                problem = !root.IsFor(names) ? "is for other names than AllowedHosts has now" : root.NotAfter <= now + Life ? "is about to end" : null;
                if (problem is null)
                {
                    return root;
                }
            }
            catch (CertificateException unusable)
            {
                problem = unusable.Message;
            }
        }

        if (problem is not null)
        {
            Log.RootReplaced(logger, state.PathOf(RootFile), problem);
        }

        return null;
    }

    private static partial class Log
    {
        [LoggerMessage(1140, LogLevel.Information, "The local authority has issued a certificate for {Names} until {NotAfter:u}")]
        public static partial void Issued(ILogger logger, string names, DateTimeOffset notAfter);

        [LoggerMessage(1141, LogLevel.Error, "The local authority could not issue a certificate: {Problem}. It tries again in {Seconds} s")]
        public static partial void Failed(ILogger logger, string problem, double seconds);

        [LoggerMessage(
            1142, LogLevel.Warning,
            "The local authority has a new root for {Names}, until {NotAfter:u}: trust it with what 'edgeproxy certificates root' prints")]
        public static partial void NewRoot(ILogger logger, string names, DateTimeOffset notAfter);

        [LoggerMessage(1143, LogLevel.Warning, "The root {File} {Problem}: it is replaced, and clients that trusted it have to trust the new one")]
        public static partial void RootReplaced(ILogger logger, string file, string problem);
    }
}
