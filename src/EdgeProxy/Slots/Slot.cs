namespace EdgeProxy.Slots;

/// <summary>A slot at run time: its address and what is in flight to it.</summary>
/// <remarks>
/// The counts of the three classes share one 64-bit word, 21 bits each, so that "no lease is out" is one atomic read and a change of
/// class is one atomic addition.
/// </remarks>
public sealed class Slot(SlotName name, SlotAddress address)
{
    private const int BitsPerClass = 21;
    private const long ClassMask = (1L << BitsPerClass) - 1;

    private long _inFlight;
    private long _requests;
    private long _errors;
    private TaskCompletionSource? _lookAgain;
    private LeaseEnds _ends = new(earlier: null);

    public SlotName Name { get; } = name;

    public SlotAddress Address { get; } = address;

    /// <summary>Requests that this slot has ended, since the proxy started.</summary>
    public long Requests => Volatile.Read(ref _requests);

    /// <summary>Those of <see cref="Requests"/> that ended with a 5xx, the app's or the proxy's.</summary>
    public long Errors => Volatile.Read(ref _errors);

    public InFlight InFlight
    {
        get
        {
            var word = Volatile.Read(ref _inFlight);
            return new InFlight(Count(word, LeaseClass.Http), Count(word, LeaseClass.Stream), Count(word, LeaseClass.WebSocket));
        }
    }

    internal LeaseEnds Ends => Volatile.Read(ref _ends);

    /// <summary>Completes when no lease is out. New leases are not prevented: the caller has moved the active slot elsewhere before.</summary>
    /// <remarks>
    /// One waiter at a time, the drain of the running switch. A signal only means "look again": it may come from a lease that ended
    /// while the slot was still active, whose thread was delayed between counting and signalling.
    /// </remarks>
    /// <exception cref="OperationCanceledException">The caller's patience ended first.</exception>
    public async Task WaitIdleAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Interlocked.Exchange(ref _lookAgain, signal);
            // Read after the waiter is visible: a lease that ended before saw nobody to tell.
            if (Interlocked.Read(ref _inFlight) == 0)
            {
                return;
            }

            await signal.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Ends every lease that is out now; later ones are not touched.</summary>
    public void EndLeases() => TakeLeases().EndAll();

    /// <summary>Hands over the ends of every lease that is out now; later ones are not touched.</summary>
    /// <remarks>
    /// Called by the running switch, one at a time, and once by the end of the proxy, which may come in between. Whoever gives up before
    /// <see cref="LeaseEnds.EndAll"/> leaves them to the next caller.
    /// </remarks>
    public LeaseEnds TakeLeases()
    {
        while (true)
        {
            var taken = Ends;
            if (Interlocked.CompareExchange(ref _ends, new LeaseEnds(earlier: taken), taken) == taken)
            {
                return taken;
            }
        }
    }

    /// <summary>Counts an ended request.</summary>
    public void Record(bool isError)
    {
        Interlocked.Increment(ref _requests);
        if (isError)
        {
            Interlocked.Increment(ref _errors);
        }
    }

    /// <returns>How many of the class are in flight, the new one included.</returns>
    internal int Enter(LeaseClass @class) => Count(Interlocked.Add(ref _inFlight, One(@class)), @class);

    internal void Move(LeaseClass from, LeaseClass to) => Interlocked.Add(ref _inFlight, One(to) - One(from));

    internal void Leave(LeaseClass @class)
    {
        if (Interlocked.Add(ref _inFlight, -One(@class)) == 0)
        {
            Volatile.Read(ref _lookAgain)?.TrySetResult();
        }
    }

    private static int Count(long word, LeaseClass @class) => (int)((word >> ((int)@class * BitsPerClass)) & ClassMask);

    private static long One(LeaseClass @class) => 1L << ((int)@class * BitsPerClass);
}
