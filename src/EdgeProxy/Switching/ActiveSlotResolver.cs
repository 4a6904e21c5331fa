using EdgeProxy.Common;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Records;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>Says at start which slot is active, before a listener opens.</summary>
internal sealed partial class ActiveSlotResolver(
    SlotName initialSlot,
    StateDirectory directory,
    ActiveSlotRecord active,
    SlotPair slots,
    IUnitManager units,
    HealthProbe probe,
    TimeProvider time,
    ILogger<ActiveSlotResolver> logger)
{
    /// <summary>How long the choice may take where no file tells it: the listeners are closed meanwhile.</summary>
    private static readonly TimeSpan GuessTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Chooses the active slot: <c>active.json</c>, else what runs and responds, else <c>InitialSlot</c>.</summary>
    public async Task ResolveAsync(CancellationToken cancellationToken)
    {
        if (directory.Problem is { } unusable)
        {
            Log.DirectoryUnusable(logger, unusable);
        }

        var (known, _, problem) = await active.ReadAsync(cancellationToken);
        if (known is null)
        {
            var (slot, why) = await GuessAsync(cancellationToken);
            Log.Guessed(logger, problem is null ? LogLevel.Information : LogLevel.Error, problem ?? "no slot was active before", slot, why);
            known = await KeepAsync(new ActiveSlot { Version = ActiveSlot.CurrentVersion, Slot = slot, Since = time.GetUtcNow() });
        }

        slots.Activate(known.Slot, active.Revision);
        Log.Active(logger, known.Slot, known.Since, known.Switch ?? "none");
    }

    private async ValueTask<ActiveSlot> KeepAsync(ActiveSlot chosen)
    {
        try
        {
            await active.WriteAsync(active.Current, chosen);
        }
        catch (StateException e)
        {
            Log.ChoiceNotKept(logger, e.Message);
            if (active.Current is { } theirs)
            {
                return theirs; // another process was faster
            }

            active.Assume(chosen);
        }

        return chosen;
    }

    private async Task<(SlotName Slot, string Why)> GuessAsync(CancellationToken cancellationToken)
    {
        SlotName[] order = [initialSlot, initialSlot.Other()];
        using var patience = new Deadline(GuessTimeout, time, cancellationToken);
        try
        {
            var seen = await Task.WhenAll(order.Select(slot => LookAsync(slot, patience.Token)));
            var best = seen.OrderByDescending(look => look.Responses).ThenByDescending(look => look.Runs).First(); // stable: InitialSlot wins a tie
            return (best.Slot, best switch
            {
                { Responses: true } => "its unit runs and responds",
                { Runs: true } => "its unit runs",
                _ => "no unit runs, and it is InitialSlot",
            });
        }
        catch (Exception e) when (e is UnitException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return (initialSlot, $"it is InitialSlot, and the units could not be asked ({e.Message})");
        }
    }

    private async Task<(SlotName Slot, bool Runs, bool Responses)> LookAsync(SlotName slot, CancellationToken cancellationToken)
    {
        var status = await units.GetStatusAsync(slot, cancellationToken);
        return (slot, status.IsRunning, status.IsRunning && (await probe.ProbeAsync(slots[slot].Address, cancellationToken)).IsGood);
    }

    private static partial class Log
    {
        [LoggerMessage(350, LogLevel.Critical, "Nothing can be kept, and no switch can run: {Problem}. EdgeProxy serves all the same")]
        public static partial void DirectoryUnusable(ILogger logger, string problem);

        [LoggerMessage(EventId = 351, Message = "The active slot had to be found out ({Problem}): it is {Slot}, as {Why}")]
        public static partial void Guessed(ILogger logger, LogLevel level, string problem, SlotName slot, string why);

        [LoggerMessage(352, LogLevel.Information, "{Slot} is active since {Since}, by switch {SwitchId}")]
        public static partial void Active(ILogger logger, SlotName slot, DateTimeOffset since, string switchId);

        [LoggerMessage(353, LogLevel.Error, "Which slot is active could not be kept: {Problem}")]
        public static partial void ChoiceNotKept(ILogger logger, string problem);
    }
}
