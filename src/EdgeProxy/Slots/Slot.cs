namespace EdgeProxy.Slots;

/// <summary>A slot at run time: its address and what is in flight to it.</summary>
/// <remarks>
/// The counts of the three classes share one 64-bit word, 21 bits each, so that "no lease is out" is one atomic read and a change of
/// class is one atomic addition.
/// </remarks>
/// <param name="places">See <see cref="Places"/>.</param>
internal sealed class Slot(AppIdentity app, SlotName name, SlotAddress address, SlotPlaces? places = null)
{
    private const int BitsPerClass = 21;
    private const long ClassMask = (1L << BitsPerClass) - 1;

    private readonly LatencySketch _latencies = new();
    private long _inFlight;
    private long _requests;
    private long _errors;
    private long _givenUp;
    private PathTally? _tally;
    private TaskCompletionSource? _lookAgain;
    private LeaseCancellations _ends = new(earlier: null);

    public AppIdentity App { get; } = app;

    public SlotName Name { get; } = name;

    /// <summary>Its place among the slots of all apps, from 0.</summary>
    public int Index { get; } = (app.Index * SlotNameExtensions.All.Count) + (int)name;

    public SlotAddress Address { get; } = address;

    /// <summary>How many ordinary requests may be with it at a time; null: any number.</summary>
    public SlotPlaces? Places { get; } = places;

    /// <summary>What the app has and has not responded to.</summary>
    public PendingRequests Pending { get; } = new();

    /// <summary>Requests that this slot has ended, since the proxy started; those, too, whose client left when the app had had them whole.</summary>
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

    internal LeaseCancellations Ends => Volatile.Read(ref _ends);

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
    /// Called by the running switch, one at a time, and once by the end of the proxy, which may come in between. A caller that gives up before
    /// <see cref="LeaseCancellations.EndAll"/> leaves them to the next caller.
    /// </remarks>
    public LeaseCancellations TakeLeases()
    {
        while (true)
        {
            var taken = Ends;
            if (Interlocked.CompareExchange(ref _ends, new LeaseCancellations(earlier: taken), taken) == taken)
            {
                return taken;
            }
        }
    }

    /// <summary>All its responses since the proxy started.</summary>
    public SlotFigures Figures
    {
        get
        {
            var errors = Errors; // first: a request that ends in between must not make a ratio above 1
            return new(Requests, errors, _latencies.Read()) { GivenUp = Volatile.Read(ref _givenUp) };
        }
    }

    /// <summary>Counts the paths of bad requests from now on; null: not any more.</summary>
    internal PathTally? Tally
    {
        get => Volatile.Read(ref _tally);
        set => Volatile.Write(ref _tally, value);
    }

    /// <summary>Counts an ended request.</summary>
    /// <param name="isError">It ended with a 5xx.</param>
    /// <param name="latency">Of an ordinary request, until its response began or it was given up; null: it does not count.</param>
    /// <param name="path">As it is decoded; null: not known.</param>
    public void Record(bool isError, TimeSpan? latency = null, string? path = null)
    {
        Interlocked.Increment(ref _requests);
        if (isError)
        {
            Interlocked.Increment(ref _errors);
        }

        if (latency is { } time)
        {
            _latencies.Add(time);
        }

        if (Tally is { } tally && (isError || latency > tally.Slow))
        {
            tally.Add(path, isError);
        }
    }

    /// <summary>Counts a request whose client has left. That is no error of the slot, but what the app has taken until then was no less: else one that never
    /// responds would look as if nobody had asked it.</summary>
    /// <param name="latency">For how long the app has had the whole request.</param>
    /// <param name="path">As of <see cref="Record"/>.</param>
    public void RecordGivenUp(TimeSpan latency, string? path = null)
    {
        Interlocked.Increment(ref _givenUp);
        Record(isError: false, latency, path);
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
