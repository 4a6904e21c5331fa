using System.Threading.Channels;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Companions;
using EdgeProxy.Switching.Records;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>
/// Brings traffic and units in line with what is stored. Before a listener opens the active slot is resolved (<see cref="ActiveSlotResolver"/>); then, beside
/// the serving, a first round starts that slot's unit, stops the other one and concludes a switch that the former process left behind. Later rounds follow
/// another process that has stored another active slot: its unit is started and probed before traffic moves there.
/// </summary>
/// <remarks>
/// One round at a time, in the turn that a switch takes, too (<see cref="WarmSlot.TakeTurnAsync"/>); one more may be asked for meanwhile, by anyone. The loops
/// belong to the host and end with it. Nothing that goes wrong here keeps the proxy from serving; it is logged with what to do.
/// </remarks>
internal sealed partial class Reconciliation(
    ActiveSlotResolver resolver,
    ActiveSlotRecord active,
    InterruptedSwitch left,
    WarmSlot warm,
    PauseControl pause,
    MaintenanceControl maintenance,
    SlotPair slots,
    SlotActivation activation,
    SwitchPhases phases,
    UnitAlignment alignment,
    SwitchCompanions companions,
    IUnitManager units,
    TimeProvider time,
    ILogger<Reconciliation> logger,
    IIdleClaim? claim = null) : BackgroundService, IHostedLifecycleService
{
    private static readonly TimeSpan WatchRetry = TimeSpan.FromSeconds(10);

    /// <summary>A round reads what is stored when it begins, so one that is still to come does for all callers.</summary>
    private readonly Channel<bool> _requests = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private volatile bool _hasStarted;
    private CancellationTokenSource _interruption = new(); // holds nothing that is to be disposed: no timer, no wait handle
    private TaskCompletionSource _round = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the round that runs has ended: the units are as they should be, or could not be made so. Never fails.</summary>
    public Task Finished => Volatile.Read(ref _round).Task;

    /// <summary>Whether another process has stored that another slot is active than the one that gets requests here.</summary>
    private bool IsChangedElsewhere => active.Current is { } stored && stored.Slot != slots.Active.Name;

    /// <summary>Asks for a round where what is stored differs from where requests go. Never waits.</summary>
    public void RequestIfChangedElsewhere()
    {
        if (IsChangedElsewhere)
        {
            _requests.Writer.TryWrite(true);
        }
    }

    /// <summary>The host calls this before any service starts, so before a listener opens.</summary>
    Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken)
    {
        _hasStarted = true;
        pause.Restore();
        maintenance.Restore();
        return resolver.ResolveAsync(cancellationToken);
    }

    Task IHostedLifecycleService.StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (claim is not null)
        {
            await IsInterruptedAsync(alignment.StartActiveAsync, stoppingToken); // clients wait for it; the idle unit is left as it is
            await claim.Free.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await RunRoundAsync(ConcludeStartAsync, stoppingToken);
        var watch = WatchAsync(stoppingToken);
        try
        {
            await foreach (var _ in _requests.Reader.ReadAllAsync(stoppingToken))
            {
                await RunRoundAsync(FollowAsync, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            await watch;
        }
    }

    /// <summary>Asks for a round when another process has changed what is stored. A watch that fails is a bug of the store's, and begins anew.</summary>
    private async Task WatchAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var seen = active.Current;
                RequestIfChangedElsewhere();
                await active.WaitForChangeAsync(seen, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                Log.WatchFailed(logger, e);
                await Task.Delay(WatchRetry, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Takes the turn from the round that runs, if one does. It begins anew behind the caller, who is to wait before it is interrupted.</summary>
    public Task<IDisposable> TakeTurnAsync(CancellationToken cancellationToken)
    {
        var turn = warm.TakeTurnAsync(cancellationToken);
        Interlocked.Exchange(ref _interruption, new()).Cancel();
        return turn;
    }

    private async Task RunRoundAsync(Func<CancellationToken, Task> work, CancellationToken stoppingToken)
    {
        while (await IsInterruptedAsync(work, stoppingToken))
        {
        }

        _round.TrySetResult();
    }

    private async Task<bool> IsInterruptedAsync(Func<CancellationToken, Task> work, CancellationToken stoppingToken)
    {
        var interruption = Volatile.Read(ref _interruption).Token;
        try
        {
            using var turn = await warm.TakeTurnAsync(stoppingToken);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(interruption, stoppingToken);
            await work(either.Token);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The next process does it.
        }
        catch (OperationCanceledException) when (interruption.IsCancellationRequested)
        {
            return true;
        }
        catch (StateException e)
        {
            Log.JournalStays(logger, e.Message);
        }
        catch (Exception e)
        {
            Log.Threw(logger, e);
        }

        return false;
    }

    /// <summary>The first round.</summary>
    private async Task ConcludeStartAsync(CancellationToken stoppingToken)
    {
        var idle = slots.Plan.Previous.Name;
        await left.EndHookAsync();
        var problem = await alignment.AlignAsync(stoppingToken);
        await companions.AlignAsync(mayBeOld: left.HasMovedTraffic, stoppingToken);
        await left.ConcludeAsync(
            problem is not null ? $"at the next start the units could not be brought in line: {problem}"
            : warm.Until(idle) is not null ? $"{units.UnitOf(idle)} is kept warm"
            : $"{units.UnitOf(idle)} was stopped at the next start",
            stoppingToken);
    }

    /// <summary>A later round. It has nothing to do where the change was a switch of this process, which had its turn before.</summary>
    private async Task FollowAsync(CancellationToken stoppingToken)
    {
        if (active.Current is not { } stored || !IsChangedElsewhere)
        {
            return;
        }

        // no switch begins in between: it would find other slots than it was begun with
        Volatile.Write(ref _round, new(TaskCreationOptions.RunContinuationsAsynchronously));
        var from = slots.Active.Name;
        Log.Following(logger, stored.Slot, stored.Switch ?? "none", from);
        if (await alignment.StartProvedAsync(stored.Slot, stoppingToken) is { } problem)
        {
            Log.NotFollowed(logger, stored.Slot, from, problem);
            return;
        }

        activation.MoveTo(stored.Slot, active.Revision);
        var drained = await phases.Drain.DrainAsync(from, stoppingToken);
        Log.Followed(logger, stored.Slot, from, drained.Problem ?? drained.Detail ?? "drained");
        await companions.AlignAsync(mayBeOld: true, stoppingToken);
        await alignment.AlignAsync(stoppingToken);
    }

    /// <summary>
    /// Brings a version into a slot and traffic there, because others have decided so while this process was away. Before anything is touched it is noted that
    /// what runs in the slot is not known.
    /// </summary>
    /// <param name="claimed">What is active now, with that note.</param>
    /// <param name="next">What is active then.</param>
    /// <param name="isThere">The version runs in the slot already.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What went wrong, and traffic stays; null: nothing.</returns>
    public async Task<string?> AdoptAsync(ActiveSlot claimed, ActiveSlot next, bool isThere, CancellationToken cancellationToken)
    {
        using var turn = await warm.TakeTurnAsync(cancellationToken);
        if (!isThere)
        {
            await active.WriteAsync(active.Current, claimed);
            if (await alignment.RestartAsync(next.Slot, cancellationToken) is { } problem)
            {
                return problem;
            }
        }

        if (await alignment.StartProvedAsync(next.Slot, cancellationToken) is { } why)
        {
            return why;
        }

        var revision = await active.WriteAsync(active.Current, next);
        if (!_hasStarted)
        {
            return null; // the slot is chosen before a listener opens
        }

        var from = slots.Active.Name;
        if (from != next.Slot)
        {
            activation.MoveTo(next.Slot, revision);
            await phases.Drain.DrainAsync(from, cancellationToken);
        }

        await companions.AlignAsync(mayBeOld: true, cancellationToken);
        return claim is { Free.IsCompleted: false } ? null : await alignment.AlignAsync(cancellationToken);
    }

    private static partial class Log
    {
        [LoggerMessage(359, LogLevel.Error, "The checkpoint of a switch that has ended stays; the next start looks at it again: {Problem}")]
        public static partial void JournalStays(ILogger logger, string problem);

        [LoggerMessage(360, LogLevel.Error, "The units could not be brought in line with what is stored")]
        public static partial void Threw(ILogger logger, Exception exception);

        [LoggerMessage(
            363, LogLevel.Warning,
            "Another process has made {Slot} the active slot (switch {SwitchId}): its unit is started and probed before traffic moves there from {From}")]
        public static partial void Following(ILogger logger, SlotName slot, string switchId, SlotName from);

        [LoggerMessage(364, LogLevel.Warning, "Traffic has moved to {Slot}, as another process has decided; {From}: {Drain}")]
        public static partial void Followed(ILogger logger, SlotName slot, SlotName from, string drain);

        [LoggerMessage(
            365,
            LogLevel.Critical,
            "Another process has made {Slot} the active slot, but traffic stays on {From}: {Problem}. Mend {Slot}; the next switch that is asked for, or a " +
                "restart of EdgeProxy, tries again")]
        public static partial void NotFollowed(ILogger logger, SlotName slot, SlotName from, string problem);

        [LoggerMessage(366, LogLevel.Error, "The stored active slot cannot be watched; retrying")]
        public static partial void WatchFailed(ILogger logger, Exception exception);
    }
}
