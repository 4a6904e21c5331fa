using EdgeProxy.Slots;

namespace EdgeProxy.Switching.Phases;

/// <summary>Waits for the requests that are still in the old slot, then closes its idle connections.</summary>
/// <remarks><c>closeIdle</c>: gunicorn's threaded workers do not end before their idle connections do.</remarks>
internal sealed class DrainPhase(SwitchOptions options, SlotPair slots, Action<SlotName> closeIdle, TimeProvider time)
{
    /// <summary>How long a request may take to end after it was told to.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);

    public async Task<PhaseResult> RunAsync(SwitchRun run, CancellationToken stopping)
    {
        var old = slots[run.From];
        var before = old.InFlight.Total;
        var patient = await IsIdleWithinAsync(old, options.DrainTimeout, stopping);
        var cut = patient ? 0 : old.InFlight.Total;
        if (!patient)
        {
            old.EndLeases();
            await IsIdleWithinAsync(old, Farewell, stopping);
        }

        closeIdle(run.From);
        var detail = $"{before} requests were in flight";
        return patient
            ? new(detail)
            : PhaseResult.Failed($"{detail}; {cut} of them were ended after {options.DrainTimeout.TotalSeconds:0.#} s (Switch:DrainTimeout)");
    }

    private async Task<bool> IsIdleWithinAsync(Slot slot, TimeSpan patience, CancellationToken stopping)
    {
        using var deadline = new CancellationTokenSource(patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stopping);
        try
        {
            await slot.WaitIdleAsync(either.Token);
            return true;
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return false;
        }
    }
}
