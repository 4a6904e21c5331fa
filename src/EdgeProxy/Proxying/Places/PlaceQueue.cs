using System.Net;
using EdgeProxy.Clients;
using EdgeProxy.Slots;

namespace EdgeProxy.Proxying.Places;

/// <summary>
/// Gives the places of the active slot (<see cref="SlotPlaces"/>), and those of a candidate that has a share, to ordinary requests, in the order in which they
/// came, and to each client at most so many.
/// </summary>
/// <remarks>
/// Where a place is free and nobody waits, it is taken by atomic operations and no lock. Otherwise the request waits, without a lease. A thread that gives a
/// place back looks for waiting requests behind a full fence; one that begins to wait is counted, behind a full fence, before a place is looked for once more:
/// one of the two sees the other. A change of the traffic plan looks, too, so that the queue goes to the new slot at once. A request for the candidate waits
/// for the candidate: a page and what belongs to it are not to be of two versions.
/// </remarks>
internal sealed class PlaceQueue
{
    /// <summary>A wait of less says nothing.</summary>
    private static readonly TimeSpan Stuck = TimeSpan.FromSeconds(1);

    private readonly SlotPair _slots;
    private readonly HeldRequestLimit _room;
    private readonly TimeProvider _time;
    private readonly PlaceClients? _clients;
    private readonly PlaceClient _everybody;

    /// <summary>Held for a few instructions, never while something is awaited or called that is not of this folder.</summary>
    private readonly Lock _lock = new();
    private readonly SortedSet<PlaceWaiter> _all = new(PlaceWaiter.InOrder); // guarded by _lock
    private readonly PlaceLine[] _lines; // by slot: those that are next
    private readonly long[] _refused = new long[Enum.GetValues<PlaceEnd>().Length];
    private int _waiting;
    private long _numbers; // guarded by _lock

    /// <param name="slots">With <see cref="Slot.Places"/>.</param>
    /// <param name="maxPerClient">How many requests of a client may be with the app; null: any number.</param>
    /// <param name="room">Bounds how many wait.</param>
    /// <param name="time">The clock of the waits.</param>
    public PlaceQueue(SlotPair slots, int? maxPerClient, HeldRequestLimit room, TimeProvider time)
    {
        (_slots, _room, _time, MaxPerClient) = (slots, room, time, maxPerClient);
        _everybody = new PlaceClient(this, key: null, int.MaxValue);
        _clients = maxPerClient is { } limit ? new PlaceClients(key => new PlaceClient(this, key, limit)) : null;
        _lines = [.. SlotNameExtensions.All.Select(name => new PlaceLine(slots[name]))];
        slots.PlanChanged += () =>
        {
            lock (_lock)
            {
                Realign();
                Serve();
            }
        };
    }

    public int? MaxPerClient { get; }

    /// <summary>Requests that wait.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Requests that got no place, since the proxy started, by why.</summary>
    public long Refused(PlaceEnd end) => Volatile.Read(ref _refused[(int)end]);

    /// <summary>How many clients are known.</summary>
    public int ClientCount => _clients?.Count ?? 0;

    /// <summary>How long the request that came first has waited; null: none waits.</summary>
    public TimeSpan? OldestWait
    {
        get
        {
            lock (_lock)
            {
                return _all.Min is { } first ? _time.GetElapsedTime(first.Since) : null;
            }
        }
    }

    /// <summary>Takes a place for a request that has a lease: the one that it was given, or one that is free while nobody waits.</summary>
    /// <param name="lease">Gives it back.</param>
    /// <param name="turn">Of a request that has waited; null: it has not.</param>
    /// <param name="address">Of the client.</param>
    /// <returns>False: the request is to give up its lease, and to wait.</returns>
    public bool TryOccupy(Lease lease, PlaceWaiter? turn, IPAddress? address)
    {
        if (turn?.Granted is { } granted)
        {
            if (granted == lease.Slot)
            {
                turn.Granted = null;
                lease.Occupy(turn.Client);
                return true;
            }

            Return(turn); // a flip has come between; its number is the first
        }

        var client = turn?.Client ?? ClientOf(address);
        if (!client.TryClaim())
        {
            return false;
        }

        if (LineOf(lease.Slot).IsEmpty && lease.Slot.Places!.TryTake())
        {
            lease.Occupy(client);
            return true;
        }

        client.Unclaim();
        if (client.HasParked)
        {
            Serve(client);
        }

        return false;
    }

    /// <summary>The turn of a request that has to wait for the first time.</summary>
    public PlaceWaiter NewTurn(IPAddress? address) => new(this, ClientOf(address));

    /// <summary>Waits, without a lease, for a place in the slot that is the client's then (<see cref="PlaceWaiter.Choice"/>).</summary>
    /// <param name="patience">At most so long; 0 or less: not at all.</param>
    /// <param name="over">The client has left, or the proxy waits no longer.</param>
    public async ValueTask<PlaceEnd> WaitAsync(PlaceWaiter turn, TimeSpan patience, CancellationToken over)
    {
        var end = TryBegin(turn, out var refused) is { } waiting ? await EndAsync(turn, waiting, patience, over) : refused;
        if (end != PlaceEnd.Granted)
        {
            Interlocked.Increment(ref _refused[(int)end]);
        }

        return end;
    }

    private async ValueTask<PlaceEnd> EndAsync(PlaceWaiter turn, Task<PlaceEnd> waiting, TimeSpan patience, CancellationToken over)
    {
        if (patience <= TimeSpan.Zero)
        {
            turn.Quit(PlaceEnd.TimedOut);
        }

        if (waiting.IsCompleted)
        {
            return await waiting;
        }

        // Both are over, with their callbacks, before the next wait of this turn begins.
        using var abandoned = over.UnsafeRegister(static turn => ((PlaceWaiter)turn!).Quit(PlaceEnd.Abandoned), turn);
        await using var late = _time.CreateTimer(static turn => ((PlaceWaiter)turn!).Quit(PlaceEnd.TimedOut), turn, patience, Timeout.InfiniteTimeSpan);
        return await waiting;
    }

    /// <summary>Gives back a place that was granted and is not wanted any more.</summary>
    public void Return(PlaceWaiter? turn)
    {
        if (turn?.Granted is { } granted)
        {
            turn.Granted = null;
            GiveBack(granted, turn.Client);
        }
    }

    /// <summary>Whose fault it is that a request has waited in vain: that of its slot, where that has had as many requests whole as it has places, each for
    /// half of the wait and for <see cref="Stuck"/>, and has responded to none of them.</summary>
    /// <remarks>Not where clients that send or read slowly hold the places, nor where there are just too many requests for an app that works.</remarks>
    /// <returns>Null: nobody's.</returns>
    public Slot? StuckSlotOf(PlaceWaiter turn)
    {
        var slot = _slots.Plan.SlotOf(turn.Choice);
        var waited = turn.Waited / 2 > Stuck ? turn.Waited / 2 : Stuck;
        return slot.Pending.Count(_time.GetElapsedTime(0, _time.GetTimestamp()), waited) >= slot.Places!.Limit ? slot : null;
    }

    /// <summary>A request of the client is not with the slot any more.</summary>
    public void GiveBack(Slot slot, PlaceClient client)
    {
        slot.Places!.GiveBack();
        client.Unclaim();
        if (!LineOf(slot).IsEmpty || client.HasParked)
        {
            Serve(client);
        }
    }

    /// <summary>Ends a wait without a place: see <see cref="PlaceWaiter.Quit"/>.</summary>
    public void Quit(PlaceWaiter turn, PlaceEnd end)
    {
        lock (_lock)
        {
            if (turn.IsWaiting)
            {
                var wasNext = turn.Line is not null;
                Remove(turn);
                if (wasNext)
                {
                    turn.Client.Unclaim();
                }

                turn.End(end);
                Advance(turn.Client);
                Serve();
            }
        }
    }

    private PlaceClient ClientOf(IPAddress? address)
    {
        if (_clients is null || ClientKey.Of(address) is not { } key)
        {
            return _everybody;
        }

        if (_clients.IsFull)
        {
            lock (_lock)
            {
                _clients.ForgetIdle();
            }
        }

        return _clients.Get(key);
    }

    /// <returns>Completes when the wait is over; null: there is none, for the reason in <paramref name="refused"/>.</returns>
    private Task<PlaceEnd>? TryBegin(PlaceWaiter turn, out PlaceEnd refused)
    {
        refused = PlaceEnd.Full;
        lock (_lock)
        {
            if (!_room.TryEnter())
            {
                return null;
            }

            if (turn.Client.IsRetired)
            {
                turn.Client = _clients!.Get(turn.Client.Key!.Value);
            }

            // One client cannot take all the room, and no share must be configured (docs/adr/0035-places.md).
            var client = turn.Client;
            if (client != _everybody && client.Waiting > _room.Limit - _room.Count)
            {
                _room.Leave();
                refused = PlaceEnd.ClientFull;
                return null;
            }

            turn.Number = turn.Number > 0 ? turn.Number : ++_numbers;
            var waiting = turn.Begin(_time.GetTimestamp());
            client.Waiting++;
            _all.Add(turn);
            Volatile.Write(ref _waiting, _all.Count);
            client.Park(turn);
            Advance(client);
            Serve();
            return waiting;
        }
    }

    private void Serve(PlaceClient client)
    {
        lock (_lock)
        {
            Advance(client);
            Serve();
        }
    }

    /// <summary>Under the lock: as many of a client's requests as may are next.</summary>
    private void Advance(PlaceClient client)
    {
        while (client.TakeParked() is { } turn)
        {
            LineOf(turn).Add(turn);
        }
    }

    /// <summary>Under the lock: gives free places to the requests that are next.</summary>
    private void Serve()
    {
        foreach (var line in _lines)
        {
            while (line.First is { } turn && line.Slot.Places!.TryTake())
            {
                Remove(turn); // its claim stays
                turn.Granted = line.Slot;
                turn.End(PlaceEnd.Granted);
            }
        }
    }

    /// <summary>Under the lock: the requests that are next are in the line of their slot. One that was put into another by an older plan is found here: the
    /// plan is replaced first.</summary>
    private void Realign()
    {
        foreach (var turn in _all)
        {
            if (turn.Line is { } line && LineOf(turn) is var other && other != line)
            {
                line.Remove(turn);
                other.Add(turn);
            }
        }
    }

    private PlaceLine LineOf(PlaceWaiter turn) => LineOf(_slots.Plan.SlotOf(turn.Choice));

    private PlaceLine LineOf(Slot slot) => _lines[(int)slot.Name];

    private void Remove(PlaceWaiter turn)
    {
        if (turn.Line is { } line)
        {
            line.Remove(turn);
        }
        else
        {
            turn.Client.Unpark(turn);
        }

        _all.Remove(turn);
        Volatile.Write(ref _waiting, _all.Count);
        turn.Client.Waiting--;
        _room.Leave();
    }
}
