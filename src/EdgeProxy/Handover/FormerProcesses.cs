using EdgeProxy.Apps;
using EdgeProxy.Common;
using EdgeProxy.Hosting;
using EdgeProxy.Slots;
using EdgeProxy.Switching;

namespace EdgeProxy.Handover;

/// <summary>The processes before this one that still have requests: they are told where these are to go, and asked what they have left.</summary>
/// <remarks>
/// Owned by the host. A round tells and asks each of them; there is one whenever the orders change, one for whoever wants to know, and one every
/// <see cref="Refresh"/>. It never takes longer than <see cref="Patience"/>, and is not to be had during a handover. When none is left the loop ends.
/// </remarks>
/// <param name="areExpected">They are still to come (<see cref="TakeAsync"/>): who asks for them waits.</param>
internal sealed partial class FormerProcesses(
    bool areExpected,
    ShutdownOptions shutdown,
    Func<AppRegistry> apps,
    IHostApplicationLifetime life,
    TimeProvider time,
    ILogger<FormerProcesses> logger) : BackgroundService, IFormerRequests
{
    /// <summary>One more ends the oldest, as SIGTERM does.</summary>
    internal const int Most = 3;

    /// <summary>At what is to be told: no process is asked for that.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    private static readonly TimeSpan Refresh = TimeSpan.FromSeconds(2);

    /// <summary>For a response. One that is not there by then is still expected, but not waited for: its requests count as unknown.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>For a round of one's own. Who does not get it knows what the last one found.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(3);

    private readonly SemaphoreSlim _round = new(1, 1);
    private readonly TaskCompletionSource _taken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private List<FormerProcess> _all = []; // as well as what follows: changed in a round
    private Dictionary<string, AppOrders> _told = [];
    private long _lastRound;

    /// <summary>Takes them over, the oldest first.</summary>
    public async Task TakeAsync(IEnumerable<HandoverChannel> channels)
    {
        using (await HoldAsync(CancellationToken.None))
        {
            Volatile.Write(ref _all, [.. channels.Select(channel => new FormerProcess(channel, time))]);
            _taken.TrySetResult();
            foreach (var oldest in _all.SkipLast(Most))
            {
                await oldest.EndAsync(shutdown.DrainTimeout + StopTimer.TimeToRespond + StopTimer.TimeToEnd);
            }
        }

        await RoundAsync(CancellationToken.None);
    }

    /// <summary>No round begins until the result is disposed.</summary>
    public async Task<IDisposable> HoldAsync(CancellationToken cancellationToken)
    {
        await _round.WaitAsync(cancellationToken);
        return new Hold(_round);
    }

    /// <summary>The same, once they are there: the next process is to get them, however soon after this one it comes.</summary>
    public async Task<IDisposable> HoldTakenAsync(CancellationToken cancellationToken)
    {
        await WhenTakenAsync(cancellationToken);
        return await HoldAsync(cancellationToken);
    }

    /// <summary>The descriptors of their channels, for the next process. The caller holds the rounds.</summary>
    public IReadOnlyList<int> Descriptors => [.. _all.Select(process => process.Descriptor)];

    /// <summary>The next process has them. The caller holds the rounds.</summary>
    public async Task LetGoAsync()
    {
        var all = _all;
        Volatile.Write(ref _all, []);
        foreach (var process in all)
        {
            await process.LetGoAsync();
        }
    }

    /// <summary>What they have, the oldest first; while a handover goes on, what they had.</summary>
    public async Task<IReadOnlyList<FormerProcess>> ReadAsync(CancellationToken cancellationToken)
    {
        await WhenTakenAsync(cancellationToken).WaitAsync(LongestWait, time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        await RefreshAsync(cancellationToken);
        return Volatile.Read(ref _all);
    }

    public async Task<InFlight> CountAsync(string app, SlotName slot, CancellationToken cancellationToken)
    {
        await WhenTakenAsync(cancellationToken);
        var isFresh = await RefreshAsync(cancellationToken);
        var sum = default(Held);
        foreach (var process in Volatile.Read(ref _all))
        {
            var held = process.Holds.InFlight.GetValueOrDefault(app)?.GetValueOrDefault(slot) ?? default;
            // Nobody knows what one has that was not asked or is silent: one that is not waited for could lose its app under its requests.
            sum += process.IsSilent || !isFresh ? held with { Http = Math.Max(held.Http, 1) } : held;
        }

        return new InFlight(sum.Http, sum.Stream, sum.WebSocket);
    }

    /// <summary>What ends this process ends them: nobody else would.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        foreach (var process in _all)
        {
            await process.EndAsync(Timeout.InfiniteTimeSpan);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!areExpected)
        {
            return;
        }

        await _taken.Task.WaitAsync(stoppingToken);
        using var timer = new PeriodicTimer(Look, time);
        while (_all.Count > 0 && await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (time.GetElapsedTime(_lastRound) >= Refresh || !Orders().SequenceEqual(_told))
            {
                await RoundAsync(stoppingToken);
            }

            foreach (var process in _all.Where(process => process.IsOverdue))
            {
                Log.Killed(logger, process.Pid);
                process.Kill();
            }
        }
    }

    private Task WhenTakenAsync(CancellationToken cancellationToken) => areExpected ? _taken.Task.WaitAsync(cancellationToken) : Task.CompletedTask;

    /// <returns>False: a handover goes on, and nobody was asked.</returns>
    private async Task<bool> RefreshAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _all).Count == 0)
        {
            return true;
        }

        using var deadline = new Deadline(LongestWait, time, cancellationToken);
        try
        {
            await _round.WaitAsync(deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }

        using var hold = new Hold(_round);
        await AskAsync();
        return true;
    }

    private async Task RoundAsync(CancellationToken cancellationToken)
    {
        using (await HoldAsync(cancellationToken))
        {
            await AskAsync();
        }
    }

    /// <summary>A round. The caller holds them.</summary>
    private async Task AskAsync()
    {
        _told = Orders();
        var before = _all.Where(process => process.IsSilent).ToHashSet();
        await Task.WhenAll(_all.Select(process => process.AskAsync(_told, Patience)));
        foreach (var process in _all.Where(process => process.IsSilent && !before.Contains(process)))
        {
            Log.Silent(logger, process.Pid);
        }

        if (_all.Exists(process => process.WasToldToStop))
        {
            life.StopApplication();
        }

        Volatile.Write(ref _all, [.. _all.Where(process => !process.HasEnded)]);
        _lastRound = time.GetTimestamp();
    }

    private Dictionary<string, AppOrders> Orders() => apps().All.ToDictionary(app => app.Name, OrdersOf);

    private static AppOrders OrdersOf(App app)
    {
        var gate = app.Proxied.Gate;
        return new(
            app.Slots.Active.Name,
            gate.Pause is { } pause ? new(pause.Since, pause.MaxWait) : null,
            gate.Maintenance is { } maintenance ? new(maintenance.Since, maintenance.Message, maintenance.Until) : null);
    }

    private sealed class Hold(SemaphoreSlim round) : IDisposable
    {
        public void Dispose() => round.Release();
    }

    private static partial class Log
    {
        [LoggerMessage(
            140, LogLevel.Warning, "Former process {Pid} of EdgeProxy does not respond; until it does or has ended, a drain counts a request of it")]
        public static partial void Silent(ILogger logger, int pid);

        [LoggerMessage(141, LogLevel.Warning, "Former process {Pid} of EdgeProxy was told to end, has not ended in time, and is killed")]
        public static partial void Killed(ILogger logger, int pid);
    }
}
