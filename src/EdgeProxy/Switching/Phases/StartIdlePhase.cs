using System.Net.Sockets;
using EdgeProxy.Common;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Records;
using EdgeProxy.Units;

namespace EdgeProxy.Switching.Phases;

/// <summary>Looks whether the candidate can be started at all, claims it in the checkpoint, and starts its unit; one that is warm may be taken as it
/// is.</summary>
/// <remarks><c>availableMemory</c>: bytes that the machine can still give out; null: not known, and not checked.</remarks>
internal sealed partial class StartIdlePhase(
    HealthOptions options, SlotPair slots, IUnitManager units, WarmSlot warm, ActiveSlotRecord active, Func<long?> availableMemory, TimeProvider time,
    ILogger<StartIdlePhase> logger)
{
    private static readonly TimeSpan PortCheckTimeout = TimeSpan.FromMilliseconds(500);

    public async Task<PhaseResult> RunAsync(SwitchRun run, CancellationToken stopping)
    {
        var status = await units.GetStatusAsync(run.To, stopping);
        if (run.WarmUse != WarmUse.Restart)
        {
            var isWarm = warm.Until(run.To) is not null && status.State is UnitState.Active or UnitState.Reloading;
            if (isWarm || run.WarmUse == WarmUse.ReuseOnly)
            {
                return isWarm ? await ReuseAsync(run, status, stopping) : PhaseResult.Failed(WhyNotWarm(run.To, status));
            }
        }

        if (await FindObstacleAsync(run, status, stopping) is { } obstacle)
        {
            return PhaseResult.Failed(obstacle);
        }

        run.ClaimCandidate();
        await warm.ForgetAsync();
        using var budget = new Deadline(options.StartBudget, time, stopping);
        try
        {
            // A unit that runs already runs the old code.
            var result = status.IsRunning ? await units.RestartAsync(run.To, budget.Token) : await units.StartAsync(run.To, budget.Token);
            CrashPoint.Pass("candidate", "started");
            if (result != UnitJobResult.Done)
            {
                return PhaseResult.Failed(UnitStatusMessages.WhyNotStarted(result, await units.GetStatusAsync(run.To, stopping)));
            }

            run.Watch = await UnitWatch.StartAsync(units, run.To, time, stopping);
            return new($"{status.Unit} was {(status.IsRunning ? "restarted" : "started")}{WarnOfOldUnitFile(status)}");
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return PhaseResult.Failed($"the start of {status.Unit} did not end within {options.StartBudget.TotalSeconds:0.#} s ({BudgetWords(options)})");
        }
    }

    /// <summary>It has no code to load and nothing to be freed for it: only its health is to be proved.</summary>
    private async Task<PhaseResult> ReuseAsync(SwitchRun run, UnitStatus status, CancellationToken stopping)
    {
        CrashPoint.Enter(CrashPoint.Reuse);
        run.Reuse(active.Current?.LabelOf(run.To));
        run.Watch = await UnitWatch.StartAsync(units, run.To, time, stopping);
        return new($"{status.Unit} is warm and was not restarted");
    }

    private static string WhyNotWarm(SlotName slot, UnitStatus status) =>
        $"{slot.ToKey()} is not warm any more: {UnitStatusMessages.WhyNotRunning(status) ?? "its time is over"}. Started again it would run what is in " +
            "its directory now; roll back with force to do that";

    internal static string BudgetWords(HealthOptions options) =>
        $"Health:Attempts {options.Attempts} x Health:Interval {options.Interval.TotalSeconds:0.###} s";

    private async Task<string?> FindObstacleAsync(SwitchRun run, UnitStatus status, CancellationToken stopping) =>
        WhyNotLoaded(status)
        ?? EndRequestsIn(run)
        ?? (status.IsRunning || status.State == UnitState.Deactivating ? null : await FindPortInUseAsync(slots[run.To].Address, status, stopping))
        ?? (run.Force ? null : await FindLackOfMemoryAsync(run, status, stopping));

    /// <summary>systemd starts what it has read, not what is in the file now: no reason to refuse, as nothing says which of them is meant.</summary>
    private string WarnOfOldUnitFile(UnitStatus status)
    {
        if (!status.NeedsDaemonReload)
        {
            return "";
        }

        Log.OldUnitFile(logger, status.Unit);
        return ", by what its file said before it was changed: `systemctl daemon-reload` reads it anew, and the next switch follows it";
    }

    private static string? WhyNotLoaded(UnitStatus status) => status.LoadState switch
    {
        UnitLoadState.Loaded => null,
        UnitLoadState.NotFound => $"there is no unit {status.Unit}: is its file installed, and was `systemctl daemon-reload` run?",
        UnitLoadState.Masked => $"{status.Unit} is masked; `systemctl unmask {status.Unit}` allows it again",
        _ => $"the unit file of {status.Unit} has an error; `systemctl status {status.Unit}` names it",
    };

    /// <summary>Requests that still end in the target would be cut by its restart.</summary>
    private string? EndRequestsIn(SwitchRun run)
    {
        var target = slots[run.To];
        if (target.InFlight.Total is var left and > 0 && !run.Force)
        {
            return $"{left} requests of an earlier switch still end in {run.To.ToKey()}; wait for them, or end them with force";
        }

        target.EndLeases();
        return null;
    }

    private async Task<string?> FindPortInUseAsync(SlotAddress address, UnitStatus status, CancellationToken stopping)
    {
        try
        {
            using var socket = await address.ConnectAsync(PortCheckTimeout, time, stopping);
            var find = address.Port is { } port ? $"`ss -ltnp 'sport = :{port}'`" : "`ss -lxp`";
            return $"{address} is already in use: {status.Unit} does not run, yet another process listens there. {find} shows which; stop it";
        }
        catch (SocketException)
        {
            return null; // not in use
        }
    }

    private async Task<string?> FindLackOfMemoryAsync(SwitchRun run, UnitStatus candidate, CancellationToken stopping)
    {
        var active = await units.GetStatusAsync(run.From, stopping);
        if (active.Memory is not { } needed || availableMemory() is not { } available)
        {
            return null;
        }

        var freed = candidate.IsRunning ? candidate.Memory ?? 0 : 0; // it is restarted
        return available + freed >= needed
            ? null
            : $"too little memory for a second {active.Unit}: it takes {needed >> 20} MB, {(available + freed) >> 20} MB are available. Free some, or switch " +
                "with force";
    }

    private static partial class Log
    {
        [LoggerMessage(
            341, LogLevel.Warning,
            "The file of {Unit} has changed since systemd read it: run `systemctl daemon-reload`; until then what it said before is what runs")]
        public static partial void OldUnitFile(ILogger logger, string unit);
    }
}
