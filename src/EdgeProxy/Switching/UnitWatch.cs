using EdgeProxy.Slots;
using EdgeProxy.Units;

namespace EdgeProxy.Switching;

/// <summary>Watches a unit of a candidate beside the probes, so that its end is noticed at once, also while a probe hangs.</summary>
/// <remarks>Its loop belongs to the run that started it and ends with <see cref="DisposeAsync"/>, or with the first bad news.</remarks>
internal sealed class UnitWatch : IAsyncDisposable
{
    /// <summary>A look is one D-Bus property read, below 1 ms.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly IUnitManager _units;
    private readonly SlotName _slot;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _disposed = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly UnitStatus _first;
    private readonly Task _loop;

    /// <param name="units">Runs the unit.</param>
    /// <param name="slot">Whose.</param>
    /// <param name="first">The run that is watched.</param>
    /// <param name="time">The clock.</param>
    public UnitWatch(IUnitManager units, SlotName slot, UnitStatus first, TimeProvider time)
    {
        (_units, _slot, _first, _time) = (units, slot, first, time);
        _loop = LoopAsync();
    }

    /// <summary>Fires when the unit has ended or was restarted.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>What happened; null: the unit still runs.</summary>
    public string? Verdict { get; private set; }

    /// <summary>Takes what the unit is now as the run to watch.</summary>
    /// <exception cref="UnitException">It could not be asked.</exception>
    public static async Task<UnitWatch> StartAsync(IUnitManager units, SlotName slot, TimeProvider time, CancellationToken cancellationToken) =>
        new(units, slot, await units.GetStatusAsync(slot, cancellationToken), time);

    public async ValueTask DisposeAsync()
    {
        await _disposed.CancelAsync();
        await _loop;
        _disposed.Dispose();
        _ended.Dispose();
    }

    private async Task LoopAsync()
    {
        try
        {
            var status = _first;
            while ((Verdict = UnitStatusMessages.WhyNotTheSame(_first, status)) is null)
            {
                await Task.Delay(Interval, _time, _disposed.Token);
                status = await LookAsync() ?? status;
            }

            await _ended.CancelAsync();
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    /// <summary>Null: the manager does not respond for the moment. That says nothing of the unit; the budget of the phase bounds it.</summary>
    private async Task<UnitStatus?> LookAsync()
    {
        try
        {
            return await _units.GetStatusAsync(_slot, _disposed.Token);
        }
        catch (UnitException)
        {
            return null;
        }
    }
}
