using EdgeProxy.Proxying.Places;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace EdgeProxy.Tests.Proxying.Places;

/// <summary>The queue against a list that is searched from its beginning: the same requests have places at the same time; and many threads at once.</summary>
public sealed class PlaceQueueModelTests
{
    private const int Places = 3;
    private const int PerClient = 2;

    private static readonly CandidateKey _key = new(new byte[32]);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private enum Step
    {
        /// <summary>A request of a client comes.</summary>
        Come,

        /// <summary>One that has a place ends.</summary>
        End,

        /// <summary>One that waits leaves.</summary>
        Leave,

        /// <summary>Traffic moves to the other slot.</summary>
        Flip,

        /// <summary>Clients 0 and 1 get the idle slot from now on, or not any more.</summary>
        Share,
    }

    [Property(MaxTest = 2000)]
    public Property Places_go_to_the_first_whose_client_may_have_one() => Prop.ForAll(
        (from step in Gen.Frequency((6, Gen.Constant(Step.Come)), (5, Gen.Constant(Step.End)), (2, Gen.Constant(Step.Leave)), (1, Gen.Constant(Step.Flip)),
             (1, Gen.Constant(Step.Share)))
         from number in Gen.Choose(0, 999)
         select (step, number)).ListOf().Select(steps => steps.ToArray()).ToArbitrary(),
        steps =>
        {
            var queue = new PlaceQueueTests.QueueUnderTest(Places, PerClient, room: 1000, TimeProvider.System);
            var model = new List<Request>(); // in the order in which they came
            foreach (var (step, number) in steps)
            {
                var (working, waiting) = (model.FindAll(request => request.Slot is not null), model.FindAll(request => request.Slot is null));
                switch (step)
                {
                    case Step.Come:
                        model.Add(Come(queue, number % 4));
                        break;
                    case Step.End when working.Count > 0:
                        var ended = working[number % working.Count];
                        model.Remove(ended);
                        ended.Lease!.Dispose();
                        break;
                    case Step.Leave when waiting.Count > 0:
                        var left = waiting[number % waiting.Count];
                        model.Remove(left);
                        left.Waiting!.Turn.Quit(PlaceEnd.Abandoned);
                        break;
                    case Step.Flip:
                        queue.Slots.Activate(queue.Slots.Active.Name.Other());
                        break;
                    case Step.Share:
                        queue.Slots.Share(queue.Slots.Plan.Candidate is null ? new CandidateShare(queue.Slots.Plan.Previous, 1, _key) : null);
                        break;
                }

                Serve(model, queue.Slots.Plan);
                AssertSame(queue, model);
            }
        });

    /// <summary>Whatever the threads do beside each other: no place is given twice, none is lost, nobody waits beside a free one, and each has its
    /// turn.</summary>
    /// <param name="clients">Few, so that claims are short; or as many as threads, so that places are.</param>
    /// <param name="flips">A flip wakes those who wait: without any, nothing makes up for a wake-up that is lost.</param>
    [Theory]
    [InlineData(8, false)]
    [InlineData(32, false)]
    [InlineData(8, true)]
    public async Task Many_threads_lose_no_place_and_no_turn(int clients, bool flips)
    {
        var queue = new PlaceQueueTests.QueueUnderTest(Places, PerClient, room: 10_000, TimeProvider.System);
        var working = new int[2 + clients];
        var (served, left) = (0, 0);
        using var over = new CancellationTokenSource();
        var flipping = Task.Run(
            async () =>
            {
                while (flips && !over.IsCancellationRequested)
                {
                    queue.Slots.Activate(queue.Slots.Active.Name.Other());
                    await Task.Yield();
                }
            },
            CancellationToken.None);

        await Task.WhenAll(Enumerable.Range(0, 32).Select(worker => Task.Run(() => WorkAsync(worker)))).Within(TimeSpan.FromMinutes(3));
        await over.CancelAsync();
        await flipping.Within();

        queue.AssertEmpty();
        Assert.Equal(32 * 500, served + left);
        Assert.True(served > 1000, $"{served} of {served + left} were served");

        async Task WorkAsync(int worker)
        {
            var random = new Random(worker);
            var client = worker % clients;
            for (var round = 0; round < 500; round++)
            {
                using var leaves = new CancellationTokenSource();
                var lease = queue.Take($"10.0.0.{client}");
                if (lease is null)
                {
                    var waiting = queue.WaitUntil($"10.0.0.{client}", leaves.Token);
                    if (random.Next(4) == 0)
                    {
                        await leaves.CancelAsync();
                    }

                    lease = await TakeTurnAsync(waiting);
                }

                if (lease is null)
                {
                    Interlocked.Increment(ref left);
                    continue;
                }

                Assert.InRange(Interlocked.Increment(ref working[(int)lease.Slot.Name]), 1, Places);
                Assert.InRange(Interlocked.Increment(ref working[2 + client]), 1, PerClient);
                if (random.Next(3) > 0)
                {
                    await Task.Yield();
                }

                Interlocked.Decrement(ref working[(int)lease.Slot.Name]);
                Interlocked.Decrement(ref working[2 + client]);
                lease.Dispose();
                Interlocked.Increment(ref served);
            }
        }

        async Task<Lease?> TakeTurnAsync(PlaceQueueTests.Waiting waiting)
        {
            var ended = waiting.Ended;
            while (await ended == PlaceEnd.Granted)
            {
                var lease = queue.Slots.Acquire(LeaseClass.Http, waiting.Turn.Choice);
                if (queue.Queue.TryOccupy(lease, waiting.Turn, null))
                {
                    return lease;
                }

                lease.Dispose();
                ended = queue.WaitAgain(waiting);
            }

            return null;
        }
    }

    /// <summary>The last place, or the client's last claim, is given back in the very moment in which its successor begins to wait, and nobody comes after
    /// it.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    public async Task An_end_and_the_beginning_of_a_wait_do_not_miss_each_other(int places, int perClient)
    {
        var queue = new PlaceQueueTests.QueueUnderTest(places, perClient, room: 10, TimeProvider.System);
        using var together = new Barrier(2);
        for (var round = 0; round < 5_000; round++)
        {
            var first = queue.Take("10.0.0.1")!;
            Assert.Null(queue.Take("10.0.0.1"));
            var ending = Task.Run(
                () =>
                {
                    together.SignalAndWait(Cancellation);
                    first.Dispose();
                },
                Cancellation);
            together.SignalAndWait(Cancellation);
            var waiting = queue.Wait("10.0.0.1");
            await ending.Within();
            Assert.Equal(PlaceEnd.Granted, await waiting.Ended.Within());
            queue.Occupy(waiting).Dispose();
        }

        queue.AssertEmpty();
    }

    private static Request Come(PlaceQueueTests.QueueUnderTest queue, int client)
    {
        var choice = new CandidateClient(_key, client < 2 ? 0 : CandidateShare.Whole - 1);
        var request = new Request(client) { Lease = queue.Take($"10.0.0.{client}", choice) };
        request.Waiting = request.Lease is null ? queue.Wait($"10.0.0.{client}", choice) : null;
        return request;
    }

    private static void Serve(List<Request> model, TrafficPlan plan)
    {
        // First those who may be next, with a claim of their client each; then those of them whose slot has a place.
        foreach (var request in model)
        {
            request.IsNext |= request.Slot is null
                && model.Count(other => (other.Slot is not null || other.IsNext) && other.Client == request.Client) < PerClient;
        }

        foreach (var request in model.Where(request => request.IsNext))
        {
            var active = request.Client < 2 && plan.Candidate is { } candidate ? candidate.Slot.Name : plan.Active.Name;
            if (model.Count(other => other.Slot == active) < Places)
            {
                (request.Slot, request.IsNext) = (active, false);
            }
        }
    }

    private static void AssertSame(PlaceQueueTests.QueueUnderTest queue, List<Request> model)
    {
        foreach (var request in model)
        {
            if (request is { Lease: null, Waiting: { Turn.Granted: not null } waiting })
            {
                request.Lease = queue.Occupy(waiting);
            }

            Assert.Equal(request.Slot, request.Lease?.Slot.Name);
        }

        Assert.Equal(model.Count(request => request.Slot is null), queue.Queue.Waiting);
        Assert.All(SlotNameExtensions.All, slot => Assert.Equal(model.Count(request => request.Slot == slot), queue.Slots[slot].Places!.Used));
    }

    /// <summary>One request, and where the model has it.</summary>
    private sealed class Request(int client)
    {
        public int Client => client;

        /// <summary>Null: it waits.</summary>
        public SlotName? Slot { get; set; }

        /// <summary>It waits for a place alone: its client has a claim for it.</summary>
        public bool IsNext { get; set; }

        public Lease? Lease { get; set; }

        public PlaceQueueTests.Waiting? Waiting { get; set; }
    }
}
