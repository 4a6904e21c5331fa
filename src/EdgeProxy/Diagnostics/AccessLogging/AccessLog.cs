namespace EdgeProxy.Diagnostics.AccessLogging;

/// <summary>One line a request, written by a task of its own: a slow disk delays no request. It costs lines, which are counted and reported once a
/// minute.</summary>
/// <remarks>
/// The host owns the writer; it ends after the last line, or with the host's patience where the output hangs. Memory is bounded by
/// <see cref="LineBuffer"/>. A write that fails is reported once, until one succeeds again.
/// </remarks>
internal sealed partial class AccessLog(LineFormat format, LineOutput output, TimeProvider time, ILogger<AccessLog> logger) : BackgroundService
{
    /// <summary>Bytes that may wait for the output: some ten thousand lines.</summary>
    private const int Backlog = 4 << 20;

    private static readonly TimeSpan LastWrite = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ReportInterval = TimeSpan.FromMinutes(1);

    [ThreadStatic]
    private static LineScratch? t_scratch;

    private readonly LineBuffer _lines = new(Backlog);

    /// <summary>For refused and aborted requests alone, of which a client can make tens of thousands a second.</summary>
    private readonly LogThrottle _refusals = new(burst: 1000, perSecond: 100, time);
    private long _dropped;
    private long _suppressed;
    private volatile bool _reopen;

    /// <summary>Lines that were lost since the proxy started: they found no room, or could not be written.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>Lines of refused and aborted requests that were left out since the proxy started: there were too many a second.</summary>
    public long Suppressed => Volatile.Read(ref _suppressed);

    /// <summary>Notes a request that has ended. Never waits.</summary>
    public void Add(in RequestRecord request)
    {
        if (request.IsRefusedOrAborted && !_refusals.TryTake())
        {
            Interlocked.Increment(ref _suppressed);
            return;
        }

        var scratch = t_scratch ??= new LineScratch();
        format.Write(request, scratch);
        if (!_lines.TryAdd(scratch.Line))
        {
            Interlocked.Increment(ref _dropped);
        }

        scratch.Clear();
    }

    /// <summary>Closes the output and opens it anew, by its name: after logrotate(8) has renamed the file. Lines that wait go to the new one.</summary>
    public void Reopen()
    {
        _reopen = true;
        _lines.Wake();
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _lines.Complete();
        // Not bounded by the host's token: the last requests may have used it up, and theirs are the lines that remain.
        await (ExecuteTask ?? Task.CompletedTask).WaitAsync(LastWrite, time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await base.StopAsync(cancellationToken);
    }

    /// <remarks>Not ended by <paramref name="stoppingToken"/>, which fires before the last requests have ended: <see cref="StopAsync"/> completes the
    /// lines.</remarks>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var written = new CancellationTokenSource();
        var reports = ReportAsync(written.Token);
        try
        {
            await WriteAsync();
        }
        finally
        {
            await written.CancelAsync();
            await reports;
            output.Dispose();
        }
    }

    private async Task WriteAsync()
    {
        var failing = false;
        while (await _lines.TakeAsync() is { } batch)
        {
            try
            {
                if (_reopen)
                {
                    _reopen = false;
                    output.Reopen();
                }

                await output.WriteAsync(batch.Bytes);
                failing = false;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                Interlocked.Add(ref _dropped, batch.Lines);
                if (!failing)
                {
                    Log.WriteFailed(logger, output.Name, error.Message);
                    failing = true;
                }
            }
        }
    }

    /// <summary>Beside the writer, so that it speaks also while a write hangs.</summary>
    private async Task ReportAsync(CancellationToken written)
    {
        var (reported, reportedSuppressed) = (0L, 0L);
        using var timer = new PeriodicTimer(ReportInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(written))
            {
                Report();
            }
        }
        catch (OperationCanceledException)
        {
            Report(); // the last word
        }

        void Report()
        {
            var dropped = Dropped;
            if (dropped > reported)
            {
                Log.Lost(logger, dropped - reported, output.Name, dropped);
                reported = dropped;
            }

            var suppressed = Suppressed;
            if (suppressed > reportedSuppressed)
            {
                Log.Suppressed(logger, suppressed - reportedSuppressed, suppressed);
                reportedSuppressed = suppressed;
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            700, LogLevel.Error, "The access log cannot be written to {Output}: {Problem}. Its lines are lost until it can; requests are not affected")]
        public static partial void WriteFailed(ILogger logger, string output, string problem);

        [LoggerMessage(
            701, LogLevel.Warning, "{Count} lines of the access log were lost: {Output} does not take them as fast as they come; {Total} since the start")]
        public static partial void Lost(ILogger logger, long count, string output, long total);

        [LoggerMessage(
            702,
            LogLevel.Warning,
            "{Count} requests that were refused or aborted by the client have no line in the access log, at more than 100 a second; {Total} since the start")]
        public static partial void Suppressed(ILogger logger, long count, long total);
    }
}
