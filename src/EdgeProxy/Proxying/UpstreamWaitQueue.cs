using System.Net.Sockets;
using EdgeProxy.Slots;

namespace EdgeProxy.Proxying;

/// <summary>How a wait at the gate ended.</summary>
internal enum HoldResult
{
    /// <summary>The slot accepts connections again, or another one is active: try again.</summary>
    TryAgain,

    /// <summary><c>HoldTimeout</c> passed.</summary>
    TimedOut,

    /// <summary>As many requests wait as may (<c>MaxHeldRequests</c>).</summary>
    Full,

    /// <summary>The control plane says that waiting is in vain.</summary>
    Hopeless,

    /// <summary>The slot is not being restarted: there is nothing to wait for.</summary>
    NotDown,
}

/// <summary>Where requests wait while the active slot refuses connections. One prober an outage, not one a request.</summary>
/// <remarks>
/// The prober is started by the first request of an outage and ends with it: when the slot accepts a connection, when another slot becomes
/// active, when the advisor gives up, when nobody waits any more, or with the process. It never throws: what goes wrong in it ends the
/// outage, and the requests try again by themselves.
/// </remarks>
internal sealed partial class UpstreamWaitQueue(
    SlotPair slots, IOutageAdvisor advisor, UpstreamOptions options, HeldRequestLimit room, TimeProvider time, ILogger<UpstreamWaitQueue> logger)
{
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromMilliseconds(25);

    private readonly Lock _lock = new();
    private Outage? _outage; // guarded by _lock
    private Slot? _restarting; // guarded by _lock
    private Task<bool>? _restart; // guarded by _lock
    private int _held;

    /// <summary>Requests that wait now.</summary>
    public int Held => Volatile.Read(ref _held);

    /// <summary>Waits until <paramref name="slot"/>, which refuses connections, is worth another try.</summary>
    /// <returns>How it ended. Why it is <see cref="HoldResult.Hopeless"/> is logged once for all waiting requests.</returns>
    /// <exception cref="OperationCanceledException">The client left.</exception>
    public ValueTask<HoldResult> WaitAsync(Slot slot, TimeSpan patience, CancellationToken clientLeft) => HoldAsync(
        async () => await Join(slot).Over.WaitAsync(patience, time, clientLeft) is null ? HoldResult.TryAgain : HoldResult.Hopeless, patience);

    /// <summary>Waits until a restart of <paramref name="slot"/>, which accepts connections and ends them without a response, is over.</summary>
    /// <returns><see cref="HoldResult.NotDown"/> where it is not being restarted.</returns>
    /// <exception cref="OperationCanceledException">The client left.</exception>
    public ValueTask<HoldResult> WaitForRestartAsync(Slot slot, TimeSpan patience, CancellationToken clientLeft) => HoldAsync(
        async () => await JoinRestart(slot).WaitAsync(patience, time, clientLeft) ? HoldResult.TryAgain : HoldResult.NotDown, patience);

    private async ValueTask<HoldResult> HoldAsync(Func<Task<HoldResult>> wait, TimeSpan patience)
    {
        if (patience <= TimeSpan.Zero)
        {
            return HoldResult.TimedOut;
        }

        if (!room.TryEnter())
        {
            return HoldResult.Full;
        }

        Interlocked.Increment(ref _held);
        try
        {
            return await wait();
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

    /// <summary>One check at a time, whose result all requests share that ask meanwhile; it ends by itself, or after the longest hold.</summary>
    private Task<bool> JoinRestart(Slot slot)
    {
        lock (_lock)
        {
            if (_restart is not { IsCompleted: false } || _restarting != slot)
            {
                _restarting = slot;
                _restart = AskAsync();
            }

            return _restart;
        }

        async Task<bool> AskAsync()
        {
            await Task.Yield(); // not under the lock
            using var patience = new CancellationTokenSource(options.HoldTimeout, time);
            return await advisor.OutlastRestartAsync(slot, patience.Token);
        }
    }

    private Outage Join(Slot slot)
    {
        lock (_lock)
        {
            if (_outage is not { } outage || outage.Slot != slot)
            {
                _outage = outage = new Outage(slot);
                _ = EndAsync(outage);
            }

            return outage;
        }
    }

    /// <summary>Runs an outage to its end and releases the requests that wait for it.</summary>
    private async Task EndAsync(Outage outage)
    {
        await Task.Yield(); // not under the lock of Join
        var started = time.GetTimestamp();
        Log.OutageBegan(logger, outage.Slot.Name);
        string? hopeless = null;
        try
        {
            hopeless = await WatchAsync(outage.Slot);
        }
        catch (Exception error)
        {
            Log.OutageWatchFailed(logger, outage.Slot.Name, error);
        }

        lock (_lock)
        {
            if (_outage == outage)
            {
                _outage = null;
            }
        }

        Log.OutageEnded(logger, outage.Slot.Name, time.GetElapsedTime(started).TotalMilliseconds, Held, hopeless ?? "requests try again");
        outage.Finish(hopeless);
    }

    private async Task<string?> WatchAsync(Slot slot)
    {
        using var ended = new CancellationTokenSource();
        var hopeless = advisor.WhenHopelessAsync(slot, ended.Token);
        var back = WhenBackAsync(slot, ended.Token);
        try
        {
            return await Task.WhenAny(hopeless, back) == hopeless ? await hopeless : null;
        }
        finally
        {
            await ended.CancelAsync();
            // Both end by this cancellation; neither may outlive the outage, nor leave an exception unseen.
            await Task.WhenAll(hopeless, back).ContinueWith(
                static ended => _ = ended.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private async Task WhenBackAsync(Slot slot, CancellationToken ended)
    {
        while (slots.Active == slot && Held > 0)
        {
            try
            {
                using var socket = await slot.Address.ConnectAsync(options.ConnectTimeout, time, ended);
                return;
            }
            catch (SocketException)
            {
                await Task.WhenAny(Task.Delay(ProbeInterval, time, ended), slots.Flipped);
                ended.ThrowIfCancellationRequested();
            }
        }
    }

    /// <summary>One stretch of time in which a slot refuses connections.</summary>
    private sealed class Outage(Slot slot)
    {
        private readonly TaskCompletionSource<string?> _over = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Slot Slot => slot;

        /// <summary>Completes with null to try again, or with the reason why that is in vain.</summary>
        public Task<string?> Over => _over.Task;

        public void Finish(string? hopeless) => _over.SetResult(hopeless);
    }

    private static partial class Log
    {
        [LoggerMessage(200, LogLevel.Warning, "The active slot {Slot} refuses connections: its requests are held")]
        public static partial void OutageBegan(ILogger logger, SlotName slot);

        [LoggerMessage(201, LogLevel.Warning, "The outage of {Slot} ended after {Milliseconds:F0} ms with {Held} requests held: {End}")]
        public static partial void OutageEnded(ILogger logger, SlotName slot, double milliseconds, int held, string end);

        [LoggerMessage(202, LogLevel.Error, "Watching the outage of {Slot} failed; its requests try again by themselves")]
        public static partial void OutageWatchFailed(ILogger logger, SlotName slot, Exception error);
    }
}
