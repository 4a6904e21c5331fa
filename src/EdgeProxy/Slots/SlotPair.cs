namespace EdgeProxy.Slots;

/// <summary>The two slots and which of them is active. Choosing a slot and counting the request is one step against the flip.</summary>
internal sealed class SlotPair
{
    private readonly Slot _blue;
    private readonly Slot _green;
    private TrafficPlan _plan;
    private TaskCompletionSource _flipped = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="app">Whose slots they are; null: there is one app, whose settings stand at the top level.</param>
    /// <param name="places">How many ordinary requests may be with each slot at a time; null: any number.</param>
    public SlotPair(SlotsOptions options, SlotName active, AppIdentity? app = null, int? places = null)
    {
        App = app ?? AppIdentity.TopLevel;
        _blue = Create(SlotName.Blue);
        _green = Create(SlotName.Green);
        _plan = new TrafficPlan(this[active], this[active.Other()], revision: null);

        Slot Create(SlotName name) => SlotAddress.TryParse(options[name].Address, out var address)
            ? new Slot(App, name, address, places is { } limit ? new SlotPlaces(limit) : null)
            : throw new ArgumentException($"{App.SettingsPath}:Slots:{name}:Address is \"{options[name].Address}\"; it must be {SlotAddress.Allowed}");
    }

    public AppIdentity App { get; }

    public Slot this[SlotName name] => name == SlotName.Blue ? _blue : _green;

    /// <summary>The plan by which requests go now. Callers that look at both of its slots read it once.</summary>
    public TrafficPlan Plan => Volatile.Read(ref _plan);

    public Slot Active => Plan.Active;

    /// <summary>Raised behind each change of the plan, a flip or another share of the candidate, on the thread that makes it.</summary>
    public event Action? PlanChanged;

    /// <summary>Completes at the next <see cref="Activate"/>.</summary>
    public Task Flipped => Volatile.Read(ref _flipped).Task;

    /// <summary>
    /// Takes a lease on the active slot, or on the candidate for a client that gets it. After <see cref="Activate"/> has returned, no lease on the old slot is
    /// handed out any more; after <see cref="Share"/> without a share none on the candidate.
    /// </summary>
    /// <param name="class">Of the request.</param>
    /// <param name="client">Null: there was no candidate when the request came, or it could not take it.</param>
    /// <remarks>
    /// Count first, then look again: a flip in between is seen and the count taken back. The old slot may show a lease that is never
    /// used for an instant, but never misses one that is (YARP's own counter has that gap: it counts after choosing). The same second look
    /// tells that no drain took over the leases in between.
    /// </remarks>
    public Lease Acquire(LeaseClass @class, CandidateClient? client = null)
    {
        while (true)
        {
            var plan = Volatile.Read(ref _plan);
            var slot = plan.SlotOf(client);
            var ends = slot.Ends;
            var ordinal = slot.Enter(@class); // a full fence: the second reads are not moved before it
            if (ReferenceEquals(plan, Volatile.Read(ref _plan)) && ReferenceEquals(ends, slot.Ends))
            {
                return new Lease(slot, @class, ends, LeaseCancellations.WaveOf(ordinal));
            }

            slot.Leave(@class);
        }
    }

    /// <summary>The flip: one reference write, seen by the next request.</summary>
    /// <param name="name">The slot that is active from now on. Of the one that is active already, only the revision changes.</param>
    /// <param name="revision">See <see cref="TrafficPlan.Revision"/>.</param>
    /// <remarks>Called by the start, by the running switch and by the reconciliation only, one at a time.</remarks>
    public void Activate(SlotName name, string? revision = null)
    {
        Interlocked.Exchange(ref _plan, new TrafficPlan(this[name], this[name.Other()], revision));
        Interlocked.Exchange(ref _flipped, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        PlanChanged?.Invoke();
    }

    /// <summary>Gives the idle slot a share of the clients, another one, or none: one reference write, seen by the next request.</summary>
    /// <param name="share">Null: the candidate gets no new request from now on.</param>
    /// <remarks>Called by the running switch only. A flip ends the share, too.</remarks>
    public void Share(CandidateShare? share)
    {
        var plan = Plan;
        if (share is not null && share.Slot != plan.Previous)
        {
            throw new ArgumentException($"{share.Slot.Name} is active", nameof(share));
        }

        Interlocked.Exchange(ref _plan, new TrafficPlan(plan.Active, plan.Previous, plan.Revision, share));
        PlanChanged?.Invoke();
    }
}
