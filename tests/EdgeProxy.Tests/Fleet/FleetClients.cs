using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using EdgeProxy.Fleet;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Fleet;

/// <summary>Clients of each node, who ask whether it is ready as a balancer does, and then for a page: one on a connection that is kept, one on new
/// ones.</summary>
internal sealed class FleetClients : IAsyncDisposable
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);

    private readonly FleetHistory _history;
    private readonly CancellationTokenSource _over = new();
    private readonly ConcurrentQueue<Visit> _visits = [];
    private readonly ConcurrentQueue<string> _early = [];
    private readonly ConcurrentDictionary<(string Node, int Process), SlotName> _known = [];
    private readonly ConcurrentDictionary<string, List<(TimeSpan From, TimeSpan? To)>> _outages = [];
    private readonly Task _all;

    public FleetClients(FleetOnLan fleet, FleetHistory history)
    {
        _history = history;
        _all = Task.WhenAll(FleetOnLan.Nodes.SelectMany(node => new[] { true, false }.Select(isKept => VisitAsync(node, fleet.UrlOf(node), isKept))));
    }

    public IReadOnlyCollection<Visit> Visits => _visits;

    /// <summary>A candidate that was served although its switch was not committed.</summary>
    public IReadOnlyCollection<string> Early => _early;

    /// <summary>The node's machine is dead or its cable pulled from now on: requests to it fail.</summary>
    public void Down(string node)
    {
        var outages = _outages.GetOrAdd(node, _ => []);
        lock (outages)
        {
            outages.Add((_history.Now, null));
        }
    }

    /// <summary>Returns when the node has responded to somebody who came after this call.</summary>
    public Task ServesAsync(string node)
    {
        var since = _history.Now;
        return Eventually.TrueAsync(
            () => _visits.Reverse().TakeWhile(visit => visit.Done >= since).Any(visit => visit.Node == node && visit.Failure is null && visit.Sent >= since),
            $"{node} serves",
            TimeSpan.FromMinutes(2));
    }

    /// <summary>It is up again, when it has responded.</summary>
    public async Task UpAsync(string node)
    {
        await ServesAsync(node);
        var outages = _outages[node];
        lock (outages)
        {
            outages[^1] = (outages[^1].From, _history.Now);
        }
    }

    /// <summary>Ends after the requests that are under way.</summary>
    public async Task EndAsync()
    {
        await _over.CancelAsync();
        await _all.Within();
    }

    /// <summary>Failures at a node that was up all the while.</summary>
    public IEnumerable<Visit> Failed() => _visits.Where(visit => visit.Failure is not null
        && !_outages.GetValueOrDefault(visit.Node, []).Any(outage => outage.From <= visit.Done && !(outage.To <= visit.Sent)));

    /// <summary>Nodes that had voted for a flip, said that they are ready more than <see cref="FleetOptions.InDoubtAfter"/> after it, and served the version
    /// before.</summary>
    /// <param name="commits">In order.</param>
    /// <param name="inDoubtAfter">That of the nodes.</param>
    public IEnumerable<string> Stale(IReadOnlyList<FleetHistory.Commit> commits, TimeSpan inDoubtAfter)
    {
        foreach (var visit in _visits.Where(visit => visit is { IsReady: true, Failure: null }))
        {
            var at = commits.Count - 1;
            while (at >= 0 && commits[at].KnownAt + inDoubtAfter >= visit.Sent)
            {
                at--;
            }

            // Where the next flip may have been before it, either slot is right.
            if (at >= 0 && commits[at].Members.Contains(visit.Node) && visit.Slot != commits[at].Slot
                && (at == commits.Count - 1 || commits[at + 1].AskedAt > visit.Done))
            {
                yield return $"{visit}, but {commits[at]}";
            }
        }
    }

    /// <summary>How long after a commit was known its members still served the version before, those that said they are not ready included.</summary>
    public IEnumerable<TimeSpan> Overlaps(IReadOnlyList<FleetHistory.Commit> commits)
    {
        foreach (var (commit, next) in commits.Zip(commits.Skip(1).Select(next => next.AskedAt).Append(TimeSpan.MaxValue)))
        {
            var after = _visits.Where(visit => visit.Slot == commit.Slot.Other() && visit.PageSent > commit.KnownAt && visit.Done < next
                && commit.Members.Contains(visit.Node));
            yield return after.Select(visit => visit.PageSent - commit.KnownAt).DefaultIfEmpty(TimeSpan.Zero).Max();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _over.Dispose();
    }

    private async Task VisitAsync(string node, Uri url, bool isKept)
    {
        using var client = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            PooledConnectionLifetime = isKept ? Timeout.InfiniteTimeSpan : TimeSpan.Zero,
        })
        { BaseAddress = url, Timeout = TimeSpan.FromSeconds(30) };
        using var pace = new PeriodicTimer(Pace, TimeProvider.System);
        while (!_over.IsCancellationRequested)
        {
            var visit = new Visit(node, _history.Now, default, default, IsReady: false, null, null);
            try
            {
                using (var ready = await client.GetAsync("/.edgeproxy/ready", CancellationToken.None))
                {
                    visit = visit with { IsReady = ready.StatusCode == HttpStatusCode.OK, PageSent = _history.Now };
                }

                using var page = await client.GetAsync("/", CancellationToken.None);
                if (page.StatusCode == HttpStatusCode.OK)
                {
                    var body = (await page.Content.ReadFromJsonAsync<JsonObject>(CancellationToken.None))!;
                    visit = visit with { Slot = Enum.Parse<SlotName>((string)body["slot"]!, ignoreCase: true), Done = _history.Now };
                    await LookAsync(node, (int)body["pid"]!, visit.Slot.Value);
                }
                else
                {
                    visit = visit with { Failure = $"status {(int)page.StatusCode}", Done = _history.Now };
                }
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
            {
                visit = visit with { Failure = e.Message, Done = _history.Now };
            }

            _visits.Enqueue(visit);
            await pace.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    /// <summary>The first page of a process: what it was started for is committed.</summary>
    private async Task LookAsync(string node, int process, SlotName slot)
    {
        if (_known.TryAdd((node, process), slot) && await _history.ReadAsync(CancellationToken.None) is { } state
            && state.Switch is { Phase: FleetPhase.Prepare or FleetPhase.Hold } running && running.To == slot && running.Members.Contains(node))
        {
            _early.Enqueue($"{node} has served {slot} in {running.Phase} of {running.Id}");
        }
    }

    /// <summary>One.</summary>
    /// <param name="Node">That was asked.</param>
    /// <param name="Sent">Before it was asked whether it is ready.</param>
    /// <param name="PageSent">Before it was asked for the page.</param>
    /// <param name="Done">When the page was there, or the failure.</param>
    /// <param name="IsReady">It has said so.</param>
    /// <param name="Slot">Of the page; null: there was none.</param>
    /// <param name="Failure">Null: none.</param>
    public sealed record Visit(string Node, TimeSpan Sent, TimeSpan PageSent, TimeSpan Done, bool IsReady, SlotName? Slot, string? Failure);
}
