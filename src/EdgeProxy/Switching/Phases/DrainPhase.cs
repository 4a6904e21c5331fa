using EdgeProxy.Common;
using EdgeProxy.Slots;

namespace EdgeProxy.Switching.Phases;

/// <summary>Waits for the requests that are still in the old slot, each class up to its own deadline, then closes its idle connections.</summary>
/// <remarks><c>closeIdle</c>: gunicorn's threaded workers do not end before their idle connections do.</remarks>
internal sealed class DrainPhase(SwitchOptions options, SlotPair slots, IFormerRequests former, Action<SlotName> closeIdle, TimeProvider time)
{
    /// <summary>How long a request may take to end after it was told to.</summary>
    private static readonly TimeSpan GraceAfterDeadline = TimeSpan.FromSeconds(5);

    /// <summary>Forced ends take the last tenth of a deadline, but no more than this.</summary>
    private static readonly TimeSpan LongestSpread = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly ForcedEnd[] _forcedEnds =
    [
        .. ForcedEndsOf(LeaseClass.Http, options.DrainTimeout)
            .Concat(ForcedEndsOf(LeaseClass.Stream, options.StreamDrainTimeout))
            .Concat(ForcedEndsOf(LeaseClass.WebSocket, options.StreamDrainTimeout))
            .OrderBy(end => end.At),
    ];

    public Task<PhaseResult> RunAsync(SwitchRun run, CancellationToken stopping) => DrainAsync(slots.Plan.Previous.Name, stopping);

    /// <exception cref="OperationCanceledException">Given up: what is in flight goes on, and ends with the slot's next drain.</exception>
    internal async Task<PhaseResult> DrainAsync(SlotName slot, CancellationToken stopping)
    {
        var started = time.GetTimestamp();
        var old = slots[slot];
        var leases = old.TakeLeases();
        var before = old.InFlight.Total;
        foreach (var end in _forcedEnds)
        {
            var elapsed = time.GetElapsedTime(started);
            if (end.At > elapsed && (AreAllTold(old.InFlight, elapsed) || await IsIdleWithinAsync(old, end.At - elapsed, stopping)))
            {
                break;
            }

            leases.End(end.Class, end.Wave);
        }

        var cut = await IsIdleWithinAsync(old, GraceAfterDeadline, stopping) ? leases.Cut : leases.Cut + old.InFlight.Total;
        cut += await WaitForFormerAsync(slot, started, stopping);
        var closedGracefully = leases.ClosedGracefully;
        leases.EndAll();
        closeIdle(slot);
        return Result(before, closedGracefully, cut);
    }

    /// <summary>Processes before this one end theirs at the same deadlines.</summary>
    /// <returns>How many are left.</returns>
    private async Task<int> WaitForFormerAsync(SlotName slot, long started, CancellationToken stopping)
    {
        var longest = (options.DrainTimeout > options.StreamDrainTimeout ? options.DrainTimeout : options.StreamDrainTimeout) + GraceAfterDeadline;
        while (await former.CountAsync(slots.App.Name, slot, stopping) is { Total: > 0 } left)
        {
            if (time.GetElapsedTime(started) >= longest)
            {
                return left.Total;
            }

            await Task.Delay(Look, time, stopping);
        }

        return 0;
    }

    /// <summary>Streams and WebSockets that were told in order are no warning: their clients know what to do.</summary>
    private PhaseResult Result(int before, int closedGracefully, int cut)
    {
        var detail = $"{before} requests were in flight";
        if (closedGracefully > 0)
        {
            detail += $"; {closedGracefully} streams and WebSockets were closed in order after {options.StreamDrainTimeout.TotalSeconds:0.#} s " +
                "(Switch:StreamDrainTimeout)";
        }

        return cut == 0
            ? new(detail)
            : PhaseResult.Failed(
                $"{detail}; {cut} of them were ended after {options.DrainTimeout.TotalSeconds:0.#} s (Switch:DrainTimeout; streams " +
                    $"{options.StreamDrainTimeout.TotalSeconds:0.#} s, Switch:StreamDrainTimeout)");
    }

    private static IEnumerable<ForcedEnd> ForcedEndsOf(LeaseClass @class, TimeSpan deadline)
    {
        var spread = TimeSpan.FromTicks(Math.Min(deadline.Ticks / 10, LongestSpread.Ticks));
        return Enumerable.Range(0, LeaseCancellations.Waves)
            .Select(wave => new ForcedEnd(deadline - (spread * (LeaseCancellations.Waves - 1 - wave) / LeaseCancellations.Waves), @class, wave));
    }

    /// <summary>Whether the deadline of everything in flight has passed, so that there is nothing to wait for but its end.</summary>
    private bool AreAllTold(InFlight now, TimeSpan elapsed) =>
        (now.Http == 0 || elapsed >= options.DrainTimeout) && (now.Stream + now.WebSocket == 0 || elapsed >= options.StreamDrainTimeout);

    private async Task<bool> IsIdleWithinAsync(Slot slot, TimeSpan patience, CancellationToken stopping)
    {
        using var deadline = new Deadline(patience, time, stopping);
        try
        {
            await slot.WaitIdleAsync(deadline.Token);
            return true;
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <param name="At">When, from the start of the phase.</param>
    /// <param name="Class">Whose requests end.</param>
    /// <param name="Wave">Which part of them.</param>
    private readonly record struct ForcedEnd(TimeSpan At, LeaseClass Class, int Wave);
}
