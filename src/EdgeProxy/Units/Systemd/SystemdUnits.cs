using EdgeProxy.Slots;
using Polly;
using Polly.Retry;
using Tmds.DBus.Protocol;

namespace EdgeProxy.Units.Systemd;

/// <summary>The slots' units as systemd services, over the system bus.</summary>
/// <remarks>
/// Holds one connection, opened by the first call and opened again after a loss: a call that meets the loss is made again, a job that was
/// running is asked for, and one that ended unheard is judged by what its unit is then. Repeating is safe: starting what runs and
/// stopping what does not are no-ops to systemd, and an idle unit that is restarted twice is still restarted.
/// </remarks>
internal sealed partial class SystemdUnits : IUnitManager
{
    /// <summary>With the back-off below: about six seconds. A restarted bus is back in well under one.</summary>
    private const int MaxRetries = 10;

    private readonly SlotsOptions _slots;
    private readonly UnitsOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<SystemdUnits> _logger;
    private readonly ResiliencePipeline _retry;
    private readonly SemaphoreSlim _connecting = new(1);

    /// <summary>Cancelled when this is disposed. Ends an attempt to connect: a bus that hangs must not hold up the end of the process.</summary>
    private readonly CancellationTokenSource _disposing = new();

    private volatile SystemdSession? _session;

    /// <summary>The bus was not there the last time: then a call fails at once instead of retrying.</summary>
    private volatile bool _isDown = true;

    public SystemdUnits(SlotsOptions slots, UnitsOptions options, TimeProvider time, ILogger<SystemdUnits> logger)
    {
        (_slots, _options, _time, _logger) = (slots, options, time, logger);
        _retry = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<SystemdUnavailableException>(_ => !_isDown),
                MaxRetryAttempts = MaxRetries,
                BackoffType = DelayBackoffType.Exponential,
                Delay = TimeSpan.FromMilliseconds(50),
                MaxDelay = TimeSpan.FromSeconds(1),
            })
            .Build();
    }

    /// <summary>The root directory of the machine whose journal is read, for tests; null: this one.</summary>
    internal string? JournalRoot { get; init; }

    public string UnitOf(SlotName slot) =>
        _slots[slot].Unit ?? throw new InvalidOperationException($"EdgeProxy:Slots:{slot}:Unit is not set");

    public Task<UnitStatus> GetStatusAsync(SlotName slot, CancellationToken cancellationToken) =>
        AskAsync(UnitOf(slot), GetStatusAsync, cancellationToken);

    public Task<UnitJobResult> StartAsync(SlotName slot, CancellationToken cancellationToken) => RunAsync(UnitJob.Start, slot, cancellationToken);

    public Task<UnitJobResult> StopAsync(SlotName slot, CancellationToken cancellationToken) => RunAsync(UnitJob.Stop, slot, cancellationToken);

    public Task<UnitJobResult> RestartAsync(SlotName slot, CancellationToken cancellationToken) => RunAsync(UnitJob.Restart, slot, cancellationToken);

    /// <summary>Reads at most <paramref name="maxLines"/> of the journal, then at most as many of the slot's <c>Log</c>.</summary>
    public async Task<IReadOnlyList<string>> ReadLogAsync(SlotName slot, int maxLines, CancellationToken cancellationToken)
    {
        var lines = new List<string>();
        UnitStatus? status = null;
        try
        {
            status = await GetStatusAsync(slot, cancellationToken);
        }
        catch (UnitException e)
        {
            lines.Add(e.Message);
        }

        var unit = UnitOf(slot);
        var log = new UnitLog(() => new JournaldReader(JournalRoot).ReadBackwards(unit), unit, _time);
        lines.AddRange(await log.ReadAsync(status?.InvocationId, status?.Restarts ?? 0, maxLines, cancellationToken));
        lines.AddRange(await LogTail.ReadAsync(_slots[slot].Log, maxLines, cancellationToken));
        return lines;
    }

    public async ValueTask DisposeAsync()
    {
        await _disposing.CancelAsync();
        await _connecting.WaitAsync();
        try
        {
            _session?.Dispose();
        }
        finally
        {
            _connecting.Release();
        }
    }

    private static async Task<UnitStatus> GetStatusAsync(SystemdSession session, string unit, CancellationToken cancellationToken) =>
        UnitProperties.ToStatus(unit, await session.GetUnitAsync(unit, UnitProperties.Wanted, cancellationToken));

    private async Task<UnitJobResult> RunAsync(UnitJob job, SlotName slot, CancellationToken cancellationToken)
    {
        UnitStatus? before = null;
        string? queued = null;
        return await AskAsync(UnitOf(slot), RunOnceAsync, cancellationToken);

        async Task<UnitJobResult> RunOnceAsync(SystemdSession session, string unit, CancellationToken token)
        {
            before ??= await GetStatusAsync(session, unit, token);
            var running = queued is null
                ? await session.QueueAsync(UnitJobs.MethodFor(job, before.State), unit, token)
                : await session.FindAsync(queued, token);
            if (running is null)
            {
                var now = await GetStatusAsync(session, unit, token);
                return UnitJobs.Settle(job, before, now) ?? throw UnitErrors.Unsettled(job, now);
            }

            queued = running.Path;
            return UnitJobs.ToResult(await session.WaitAsync(running, token));
        }
    }

    /// <summary>Asks systemd on the current session, again on another one if that is lost, and turns errors into those that the caller is promised.</summary>
    private async Task<T> AskAsync<T>(string unit, Func<SystemdSession, string, CancellationToken, Task<T>> question, CancellationToken cancellationToken)
    {
        try
        {
            return await _retry.ExecuteAsync(
                async token => await question(await GetSessionAsync(token), unit, token), cancellationToken);
        }
        catch (DBusErrorReplyException e)
        {
            throw UnitErrors.From(e, unit);
        }
        catch (DBusMessageException e)
        {
            throw UnitErrors.Unexpected(e, unit);
        }
        catch (SystemdUnavailableException e)
        {
            _isDown = true;
            throw UnitErrors.Unavailable(e, unit);
        }
    }

    private async ValueTask<SystemdSession> GetSessionAsync(CancellationToken cancellationToken)
    {
        if (_session is { IsClosed: false } session)
        {
            return session;
        }

        await _connecting.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
            return _session is { IsClosed: false } connected ? connected : await ConnectAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (_disposing.IsCancellationRequested)
        {
            throw new ObjectDisposedException(nameof(SystemdUnits));
        }
        finally
        {
            _connecting.Release();
        }
    }

    private async Task<SystemdSession> ConnectAsync(CancellationToken cancellationToken)
    {
        if (_session is { } lost)
        {
            _session = null;
            lost.Dispose();
            Log.ConnectionLost(_logger);
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposing.Token);
        _session = await SystemdSession.OpenAsync(_options.Bus, _time, either.Token);
        _isDown = false;
        Log.Connected(_logger, _options.Bus ?? "the system bus");
        return _session;
    }

    private static partial class Log
    {
        [LoggerMessage(600, LogLevel.Information, "Connected to systemd over {Bus}")]
        public static partial void Connected(ILogger logger, string bus);

        [LoggerMessage(601, LogLevel.Warning, "The connection to systemd was lost (the bus or systemd was restarted); connecting again")]
        public static partial void ConnectionLost(ILogger logger);
    }
}
