namespace EdgeProxy.Proxying;

/// <summary>Whether the app's requests pass, wait (a pause), or are turned away (maintenance). While it is open a request pays for reading two
/// references.</summary>
/// <remarks>
/// The control plane opens and closes it. A request looks for a pause once its lease is counted: a thread that has closed the gate and then finds no lease
/// knows that no further request reaches the app (the same two steps as in <see cref="Slots.SlotPair.Acquire"/>).
/// </remarks>
internal sealed class MaintenanceGate(IEnumerable<string> healthPaths, HeldRequestLimit room, TimeProvider time)
{
    private readonly HashSet<string> _healthPaths = [.. healthPaths.Select(path => PathString.FromUriComponent(path.Split('?')[0]).Value ?? "/")];
    private Pause? _pause;
    private Maintenance? _maintenance;
    private int _held;

    /// <summary>The pause that is on; null: none.</summary>
    public Pause? Pause => Volatile.Read(ref _pause);

    /// <summary>The maintenance that is on; null: none.</summary>
    public Maintenance? Maintenance => Volatile.Read(ref _maintenance);

    /// <summary>Requests that wait for the end of the pause now.</summary>
    public int Held => Volatile.Read(ref _held);

    /// <summary>From now on requests wait, also those that wait already, for as long as the new pause says.</summary>
    public void Close(Pause pause) => Interlocked.Exchange(ref _pause, pause)?.End();

    /// <summary>Releases the waiting requests.</summary>
    public void Open() => Interlocked.Exchange(ref _pause, null)?.End();

    /// <summary>Turns requests away from now on; null: not any more.</summary>
    public void Set(Maintenance? maintenance) => Interlocked.Exchange(ref _maintenance, maintenance);

    /// <summary>The maintenance that a request meets. The health path passes: monitors outside are to see the app while it is worked on.</summary>
    /// <returns>Null: it passes.</returns>
    public Maintenance? TurnsAway(HttpContext context) =>
        Maintenance is { } maintenance && !_healthPaths.Contains(context.Request.Path.Value ?? "/") ? maintenance : null;

    /// <summary>Waits for the end of a pause.</summary>
    /// <param name="pause">The pause that was met.</param>
    /// <param name="patience">How long at most.</param>
    /// <param name="over">The client has left, or the proxy stops.</param>
    /// <exception cref="OperationCanceledException"><paramref name="over"/>.</exception>
    public async ValueTask<HoldResult> WaitAsync(Pause pause, TimeSpan patience, CancellationToken over)
    {
        if (!room.TryEnter())
        {
            return HoldResult.Full;
        }

        Interlocked.Increment(ref _held);
        try
        {
            await pause.Ended.WaitAsync(patience > TimeSpan.Zero ? patience : TimeSpan.Zero, time, over);
            return HoldResult.TryAgain;
        }
        catch (TimeoutException)
        {
            return HoldResult.TimedOut;
        }
        finally
        {
            Interlocked.Decrement(ref _held);
            room.Leave();
        }
    }
}

/// <summary>A stretch of time in which the app gets no request.</summary>
/// <param name="since">When it began.</param>
/// <param name="maxWait">How long a request waits for its end; then it gets 503.</param>
internal sealed class Pause(DateTimeOffset since, TimeSpan maxWait)
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public DateTimeOffset Since => since;

    public TimeSpan MaxWait => maxWait;

    public Task Ended => _ended.Task;

    public void End() => _ended.TrySetResult();
}

/// <summary>A stretch of time in which clients are told to come back later.</summary>
/// <param name="Since">When it began.</param>
/// <param name="Message">For them, as plain text; empty: a sentence of the proxy's own.</param>
/// <param name="Until">When it ends by itself; null: somebody ends it.</param>
internal sealed record Maintenance(DateTimeOffset Since, string Message, DateTimeOffset? Until = null);
