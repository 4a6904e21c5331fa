using System.Net;
using EdgeProxy.Proxying;
using EdgeProxy.Proxying.Places;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Proxying.Places;

/// <summary>The queue by itself: one thread, a clock that stands still.</summary>
public sealed class PlaceQueueTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider _time = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_client_that_came_first_has_the_next_place()
    {
        var queue = NewQueue(places: 1);
        var first = Assert.IsType<Lease>(queue.Take("10.0.0.1"));
        var turns = Enumerable.Range(1, 5).Select(client => queue.Wait($"10.0.1.{client}")).ToList();
        Assert.Equal(5, queue.Queue.Waiting);

        first.Dispose();
        foreach (var turn in turns)
        {
            Assert.Equal(PlaceEnd.Granted, await turn.Ended.Within());
            Assert.All(turns.Skip(turns.IndexOf(turn) + 1), later => Assert.True(later.Turn.IsWaiting));
            queue.Occupy(turn).Dispose();
        }

        queue.AssertEmpty();
    }

    [Theory]
    [InlineData(1, null)]
    [InlineData(3, 1)]
    public async Task A_place_that_became_free_between_the_look_and_the_wait_is_found(int places, int? perClient)
    {
        var queue = NewQueue(places, perClient);
        var first = queue.Take("10.0.0.1")!;
        Assert.Null(queue.Take("10.0.0.1"));
        first.Dispose();

        Assert.Equal(PlaceEnd.Granted, await queue.Wait("10.0.0.1").Ended.Within());
    }

    [Fact]
    public void No_request_overtakes_waiting_ones()
    {
        var queue = NewQueue(places: 1);
        var first = queue.Take("10.0.0.1")!;
        var turn = queue.Wait("10.0.0.2");
        first.Dispose(); // granted, and not taken yet

        Assert.Null(queue.Take("10.0.0.3"));
        Assert.NotNull(turn.Turn.Granted);
    }

    [Fact]
    public async Task A_client_that_leaves_gives_up_its_turn_at_once()
    {
        var queue = NewQueue(places: 1);
        var first = queue.Take("10.0.0.1")!;
        using var left = new CancellationTokenSource();
        var leaving = queue.WaitUntil("10.0.0.2", left.Token);
        var next = queue.Wait("10.0.0.3");

        await left.CancelAsync();
        Assert.Equal(PlaceEnd.Abandoned, await leaving.Ended.Within());
        Assert.Equal(1, queue.Queue.Waiting);
        first.Dispose();

        Assert.Equal(PlaceEnd.Granted, await next.Ended.Within());
        queue.Queue.Return(next.Turn);
        queue.AssertEmpty();
    }

    [Fact]
    public async Task A_turn_that_does_not_come_in_time_ends()
    {
        var queue = NewQueue(places: 1);
        using var first = queue.Take("10.0.0.1")!;
        var turn = queue.Wait("10.0.0.2");
        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal(TimeSpan.FromSeconds(29), queue.Queue.OldestWait);
        Assert.True(turn.Turn.IsWaiting);

        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(PlaceEnd.TimedOut, await turn.Ended.Within());
        Assert.Null(queue.Queue.OldestWait);
        Assert.Equal(1, queue.Queue.Refused(PlaceEnd.TimedOut));
    }

    [Fact]
    public async Task A_flip_sends_the_queue_to_the_new_slot_whose_places_are_its_own()
    {
        var queue = NewQueue(places: 2);
        Lease[] old = [queue.Take("10.0.0.1")!, queue.Take("10.0.0.2")!];
        var turns = Enumerable.Range(3, 3).Select(client => queue.Wait($"10.0.0.{client}")).ToList();

        queue.Slots.Activate(SlotName.Green);

        Assert.Equal([PlaceEnd.Granted, PlaceEnd.Granted], await Task.WhenAll(turns.Take(2).Select(turn => turn.Ended)).Within());
        old[0].Dispose(); // a place of the old slot is none of the new one
        Assert.True(turns[2].Turn.IsWaiting);
        var leases = turns.Take(2).Select(queue.Occupy).ToList();
        Assert.All(leases, lease => Assert.Equal(SlotName.Green, lease.Slot.Name));
        leases[0].Dispose();
        Assert.Equal(PlaceEnd.Granted, await turns[2].Ended.Within());
    }

    [Fact]
    public async Task A_place_that_was_granted_before_a_flip_is_given_back_and_its_owner_stays_the_first()
    {
        var queue = NewQueue(places: 1);
        var first = queue.Take("10.0.0.1")!;
        var turn = queue.Wait("10.0.0.2");
        var later = queue.Wait("10.0.0.3");
        first.Dispose();
        Assert.NotNull(turn.Turn.Granted);

        queue.Slots.Activate(SlotName.Green); // "later" has the only place of green
        Assert.Equal(PlaceEnd.Granted, await later.Ended.Within());
        var last = queue.Wait("10.0.0.4");
        using (var lease = queue.Slots.Acquire(LeaseClass.Http))
        {
            Assert.False(queue.Queue.TryOccupy(lease, turn.Turn, null));
        }

        var again = queue.WaitAgain(turn);
        queue.Occupy(later).Dispose();

        Assert.Equal(PlaceEnd.Granted, await again.Within());
        Assert.True(last.Turn.IsWaiting);
        Assert.Equal(0, queue.Slots[SlotName.Blue].Places!.Used);
    }

    [Fact]
    public async Task Requests_of_a_client_that_has_its_share_wait_without_delaying_others()
    {
        var queue = NewQueue(places: 3, perClient: 2);
        Lease[] own = [queue.Take("10.0.0.1")!, queue.Take("10.0.0.1")!];
        Assert.Null(queue.Take("10.0.0.1"));
        var parked = queue.Wait("10.0.0.1");

        using (var other = queue.Take("10.0.0.2"))
        {
            Assert.NotNull(other); // at once, though a request waits that came before
        }

        Assert.True(parked.Turn.IsWaiting);
        own[0].Dispose();
        Assert.Equal(PlaceEnd.Granted, await parked.Ended.Within());
        queue.Occupy(parked).Dispose();
        own[1].Dispose();
        queue.AssertEmpty();
    }

    [Fact]
    public void A_network_of_IPv6_is_one_client()
    {
        var queue = NewQueue(places: 3, perClient: 1);
        using var own = queue.Take("2001:db8::1");
        Assert.Null(queue.Take("2001:db8::2"));
        using var other = queue.Take("2001:db8:0:1::1");
        Assert.NotNull(other);
    }

    [Fact]
    public async Task One_client_cannot_fill_the_room_in_which_all_wait()
    {
        var queue = NewQueue(places: 1, perClient: 1, room: 10);
        using var first = queue.Take("10.0.0.1")!;
        var turns = Enumerable.Range(0, 20).Select(_ => queue.Wait("10.0.0.1")).ToList();

        var refused = await Task.WhenAll(turns.Where(turn => !turn.Turn.IsWaiting).Select(turn => turn.Ended)).Within();
        Assert.Equal(Enumerable.Repeat(PlaceEnd.ClientFull, 15), refused);
        Assert.Equal(5, queue.Queue.Waiting);
        var others = Enumerable.Range(2, 4).Select(client => queue.Wait($"10.0.0.{client}")).ToList();
        Assert.All(others, other => Assert.True(other.Turn.IsWaiting));
        Assert.Equal(PlaceEnd.ClientFull, await queue.Wait("10.0.0.2").Ended.Within());
        await queue.Wait("10.0.0.9").QuitAsync();
        _ = queue.Wait("10.0.0.10");
        Assert.Equal(PlaceEnd.Full, await queue.Wait("10.0.0.11").Ended.Within());
    }

    [Fact]
    public void A_stream_gives_its_place_back_when_it_is_known_to_be_one()
    {
        var queue = NewQueue(places: 1);
        using var lease = queue.Take("10.0.0.1")!;
        lease.Reclassify(LeaseClass.Stream);
        using var other = queue.Take("10.0.0.2");
        Assert.NotNull(other);
        lease.Dispose();
        Assert.Equal(1, queue.Slots.Active.Places!.Used);
    }

    /// <summary>As many addresses as an attacker likes: what is kept is what is under way.</summary>
    [Fact]
    public void Clients_that_have_nothing_here_are_forgotten()
    {
        var queue = NewQueue(places: 100, perClient: 1);
        using var stays = queue.Take("10.0.0.1");
        for (var client = 0; client < 100_000; client++)
        {
            queue.Take(new IPAddress([11, (byte)(client >> 16), (byte)(client >> 8), (byte)client]).ToString())!.Dispose();
            Assert.InRange(queue.Queue.ClientCount, 1, PlaceClients.Few + 1);
        }

        Assert.Null(queue.Take("10.0.0.1")); // who is at work is not forgotten
    }

    private QueueUnderTest NewQueue(int places, int? perClient = null, int room = 1000) => new(places, perClient, room, _time);

    /// <summary>What a request does, one step at a time.</summary>
    internal sealed class QueueUnderTest
    {
        public QueueUnderTest(int places, int? perClient, int room, TimeProvider time)
        {
            Slots = new SlotPair(
                new SlotsOptions { Blue = new() { Address = "http://127.0.0.1:8000" }, Green = new() { Address = "http://127.0.0.1:8100" } },
                SlotName.Blue,
                places: places);
            Room = new HeldRequestLimit(room);
            Queue = new PlaceQueue(Slots, perClient, Room, time);
        }

        public SlotPair Slots { get; }

        public HeldRequestLimit Room { get; }

        public PlaceQueue Queue { get; }

        /// <returns>Null: the request has to wait.</returns>
        public Lease? Take(string client, CandidateClient? choice = null)
        {
            var lease = Slots.Acquire(LeaseClass.Http, choice);
            if (Queue.TryOccupy(lease, null, IPAddress.Parse(client)))
            {
                return lease;
            }

            lease.Dispose();
            return null;
        }

        public Waiting Wait(string client, CandidateClient? choice = null) => WaitUntil(client, CancellationToken.None, choice);

        public Waiting WaitUntil(string client, CancellationToken over, CandidateClient? choice = null)
        {
            var turn = Queue.NewTurn(IPAddress.Parse(client));
            turn.Choice = choice;
            return new(turn, Queue.WaitAsync(turn, _patience, over).AsTask());
        }

        public Task<PlaceEnd> WaitAgain(Waiting waiting) => Queue.WaitAsync(waiting.Turn, _patience, Cancellation).AsTask();

        /// <summary>Takes the place that was granted.</summary>
        public Lease Occupy(Waiting waiting)
        {
            var lease = Slots.Acquire(LeaseClass.Http, waiting.Turn.Choice);
            Assert.True(Queue.TryOccupy(lease, waiting.Turn, null));
            return lease;
        }

        public void AssertEmpty()
        {
            Assert.Equal((0, 0), (Queue.Waiting, Room.Count));
            Assert.All(SlotNameExtensions.All, slot => Assert.Equal((0, 0), (Slots[slot].Places!.Used, Slots[slot].InFlight.Total)));
        }
    }

    internal sealed record Waiting(PlaceWaiter Turn, Task<PlaceEnd> Ended)
    {
        public Task QuitAsync()
        {
            Turn.Quit(PlaceEnd.Abandoned);
            return Ended.Within();
        }
    }
}
