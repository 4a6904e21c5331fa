namespace EdgeProxy.Tls;

/// <summary>Serves own certificate files, and takes over their changes while it runs.</summary>
/// <remarks>
/// Owned by the host: the files are read before anything listens, then every <see cref="Interval"/> until the stop. Files that cannot be used
/// stop nothing: what was in service stays, the log and the status say why. An entry that names a directory stands for every <c>NAME.crt</c>
/// with a <c>NAME.key</c> beside it below that directory, which is how Caddy stores its certificates.
/// </remarks>
internal sealed partial class CertificateFiles(
    TlsOptions options, CertificateTable table, CertificateStatusRegistry board, TimeProvider time, ILogger<CertificateFiles> logger)
    : BackgroundService, IHostedLifecycleService
{
    /// <summary>How soon a change is seen.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private static readonly EnumerationOptions _below = new() { RecurseSubdirectories = true, MaxRecursionDepth = 4 };

    private readonly Dictionary<string, CertificateFile> _files = [];
    private readonly HashSet<string> _emptyDirectories = [];

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        Look();
        return base.StartAsync(cancellationToken);
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>systemd is told that the proxy is ready when handshakes take no longer than they should: a caller that waits for that may stop it at once, and
    /// connections that have shaken hands are waited for.</summary>
    /// <remarks>Of all certificates, also those from an authority. One that cannot be prepared fails its own handshakes, and no start.</remarks>
    public async Task StartedAsync(CancellationToken cancellationToken) =>
        await table.WhenPreparedAsync().WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Certificates is not { Length: > 0 })
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
        foreach (var entry in options.Certificates ?? [])
        {
            Find(entry);
        }

        foreach (var file in _files.Values)
        {
            if (file.Look(time.GetUtcNow()) is { } change)
            {
                Report(file, change.Problem);
            }
        }
    }

    private void Find(CertificateFileOptions entry)
    {
        var path = entry.Certificate!; // the settings have been checked
        if (!Directory.Exists(path))
        {
            _files.TryAdd(path, new CertificateFile(path, entry.Key!));
            return;
        }

        var hasAny = false;
        foreach (var certificate in Directory.EnumerateFiles(path, "*.crt", _below))
        {
            var key = Path.ChangeExtension(certificate, ".key");
            if (File.Exists(key))
            {
                hasAny = true;
                _files.TryAdd(certificate, new CertificateFile(certificate, key));
            }
        }

        if (!hasAny && _emptyDirectories.Add(path))
        {
            Log.Empty(logger, path);
        }
    }

    private void Report(CertificateFile file, string? problem)
    {
        var status = new CertificateStatus { Name = file.Name, Source = CertificateSource.File };
        if (file.Current is { } current)
        {
            status = status.With(current);
            table.Publish(file.Name, current);
        }

        board.Set(problem is null ? status : status.WithError($"{file.Name} {problem}", time.GetUtcNow()));
        switch (problem)
        {
            case null:
                Log.Loaded(logger, file.Name, string.Join(", ", file.Current!.Names), file.Current.NotAfter);
                break;
            case not null when file.Current is not null:
                Log.OldOneStays(logger, file.Name, problem, file.Current.NotAfter);
                break;
            default:
                Log.Unusable(logger, file.Name, problem);
                break;
        }

        if (problem is null && file.IsKeyExposed)
        {
            Log.KeyExposed(logger, file.Name);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1100, LogLevel.Information, "The certificate {File} serves {Names} until {NotAfter:u}")]
        public static partial void Loaded(ILogger logger, string file, string names, DateTimeOffset notAfter);

        [LoggerMessage(1101, LogLevel.Error, "The certificate {File} {Problem}. The one from before stays in service until {NotAfter:u}")]
        public static partial void OldOneStays(ILogger logger, string file, string problem, DateTimeOffset notAfter);

        [LoggerMessage(
            1102, LogLevel.Error,
            "The certificate {File} {Problem}. HTTPS for its names is refused until the file can be used; it is looked at every 10 seconds")]
        public static partial void Unusable(ILogger logger, string file, string problem);

        [LoggerMessage(1103, LogLevel.Warning, "The key of the certificate {File} can be read by every user of this machine; 'chmod o=' is enough")]
        public static partial void KeyExposed(ILogger logger, string file);

        [LoggerMessage(
            1104, LogLevel.Error,
            "The directory {Directory} holds no NAME.crt with a NAME.key beside it that EdgeProxy's user can read; it is looked at every 10 seconds")]
        public static partial void Empty(ILogger logger, string directory);
    }
}
