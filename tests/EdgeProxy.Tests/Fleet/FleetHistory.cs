using System.Text.Json;
using EdgeProxy.Fleet;
using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Fleet;

/// <summary>All that has ever been in a fleet's etcd, from its first revision on, and whether it is what a fleet may do.</summary>
internal sealed class FleetHistory : IAsyncDisposable
{
    private readonly FleetKeys _keys = new("shop", AppIdentity.TopLevel.Name);
    private readonly FleetKey _key;
    private readonly EtcdClient _etcd;
    private readonly TimeProvider _time = TimeProvider.System;
    private readonly long _start;
    private readonly CancellationTokenSource _over = new();
    private readonly Lock _lock = new();
    private readonly List<Change> _changes = [];
    private readonly List<TimeSpan> _asked = [];
    private readonly Task _watching;

    /// <param name="etcd">Where it is.</param>
    /// <param name="key">The fleet's.</param>
    public FleetHistory(EtcdOptions etcd, FleetKey key)
    {
        (_etcd, _key, _start) = (new(etcd, _time), key, _time.GetTimestamp());
        _watching = WatchAsync();
    }

    /// <summary>Since the beginning. The clock of all that is compared.</summary>
    public TimeSpan Now => _time.GetElapsedTime(_start);

    /// <summary>Of the changes that are known.</summary>
    public IReadOnlyList<Change> Changes
    {
        get
        {
            lock (_lock)
            {
                return [.. _changes];
            }
        }
    }

    /// <summary>A switch is about to be asked for: it was not committed before.</summary>
    public void Ask()
    {
        lock (_lock)
        {
            _asked.Add(Now);
        }
    }

    /// <summary>The document as it is now, whatever the watch says. Null: etcd has no quorum.</summary>
    public async Task<FleetState?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _etcd.FindAsync(_keys.State, cancellationToken) is { } found ? Parse(found) : null;
        }
        catch (EtcdException)
        {
            return null;
        }
    }

    /// <summary>Returns when all that has happened so far is known.</summary>
    public async Task CompleteAsync()
    {
        var now = (await _etcd.ReadAsync(_keys.Prefix, TestContext.Current.CancellationToken)).Keys.Max(key => key.Revision);
        await Eventually.TrueAsync(() => Changes is [.., var last] && last.Revision >= now, "the watch has told all");
    }

    /// <summary>The flips, in order: one an epoch.</summary>
    /// <exception cref="Xunit.Sdk.XunitException">Something is there that no fleet may do.</exception>
    public IReadOnlyList<Commit> Commits()
    {
        List<Commit> commits = [];
        Dictionary<string, string> votes = [];
        Dictionary<string, SwitchOutcome> ends = [];
        Dictionary<string, TimeSpan> begun = [];
        FleetState? before = null;
        TimeSpan lastVote = default;
        foreach (var change in Changes)
        {
            var content = change.IsDeleted ? null : _key.Open(change.Name, change.Value);
            Assert.True(change.IsDeleted || content is not null, $"revision {change.Revision}: {change.Name} is not signed");
            if (change.Name.StartsWith(_keys.Votes, StringComparison.Ordinal))
            {
                votes.Remove(change.Name);
                if (content is not null)
                {
                    votes[change.Name] = content;
                    lastVote = change.At;
                }
            }

            if (change.Name != _keys.State)
            {
                continue;
            }

            Assert.False(change.IsDeleted, $"revision {change.Revision}: the state was deleted");
            var state = JsonSerializer.Deserialize(content!, FleetJson.Default.FleetState)!;
            if (state.Switch is { } running && before?.Switch?.Id != running.Id)
            {
                Assert.True(before?.Switch is null, $"revision {change.Revision}: {running.Id} has begun while {before?.Switch?.Id} ran");
                Assert.True(begun.TryAdd(running.Id, change.At), $"{running.Id} has begun twice");
            }

            if (before is not null && state.Epoch != before.Epoch)
            {
                commits.Add(Committed(before, state, change, votes, lastVote, begun));
            }

            if (state.Last is { } last && last != before?.Last)
            {
                Assert.True(ends.TryAdd(last.Id, last.Outcome), $"{last.Id} has ended twice");
            }

            before = state;
        }

        foreach (var (id, outcome) in ends)
        {
            var flips = commits.Where(commit => commit.Switch == id).Select(commit => commit.IsBack).ToArray();
            bool[] allowed = outcome switch
            {
                SwitchOutcome.Aborted => [],
                SwitchOutcome.RolledBack => [false, true],
                _ => [false],
            };
            Assert.True(flips.SequenceEqual(allowed), $"{id} has ended as {outcome}, with {flips.Length} flips");
        }

        return commits;
    }

    /// <summary>How the switches have ended.</summary>
    public IReadOnlyDictionary<string, FleetEnd> Ends() => Changes.Where(change => change.Name == _keys.State && !change.IsDeleted)
        .Select(change => Parse(change.ToKey()).Last).OfType<FleetEnd>().DistinctBy(end => end.Id).ToDictionary(end => end.Id);

    /// <summary>Who has driven switches, in order.</summary>
    public IEnumerable<(TimeSpan At, string? Node)> Coordinators() => Changes.Where(change => change.Name == _keys.Coordinator)
        .Select(change => (change.At, change.IsDeleted ? null : _key.Open(change.Name, change.Value)));

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _watching;
        _etcd.Dispose();
        _over.Dispose();
    }

    /// <summary>One more epoch, with the votes of all members for it.</summary>
    private Commit Committed(
        FleetState before, FleetState state, Change change, Dictionary<string, string> votes, TimeSpan lastVote, Dictionary<string, TimeSpan> begun)
    {
        var where = $"revision {change.Revision}, epoch {state.Epoch}";
        Assert.Equal(before.Epoch + 1, state.Epoch);
        Assert.NotEqual(before.Slot, state.Slot);
        var running = before.Switch;
        Assert.True(running is not null && state.Switch?.Id == running.Id, $"{where}: no switch ran");
        var isBack = state.Switch!.IsGoingBack;
        Assert.True(
            isBack ? running.Phase == FleetPhase.Back : running.Phase is FleetPhase.Prepare or FleetPhase.Hold, $"{where}: it was in {running.Phase}");
        if (!isBack)
        {
            foreach (var member in running.Members)
            {
                var vote = votes.GetValueOrDefault(_keys.Votes + member) is { } text ? JsonSerializer.Deserialize(text, FleetJson.Default.FleetVote) : null;
                Assert.True(
                    vote is { Problem: null } && vote.Id == running.Id && vote.Phase == running.Phase, $"{where}: {member} had not voted for it, but: {vote}");
            }
        }

        TimeSpan asked;
        lock (_lock)
        {
            asked = _asked.LastOrDefault(at => at <= begun[running.Id]);
        }

        return new(state.Epoch, state.Slot, running.Id, isBack, running.Members, change.At, lastVote, asked);
    }

    private FleetState Parse(EtcdKey found) => JsonSerializer.Deserialize(_key.Open(found.Name, found.Value)!, FleetJson.Default.FleetState)!;

    private async Task WatchAsync()
    {
        long seen = 0;
        while (!_over.IsCancellationRequested)
        {
            try
            {
                await foreach (var changes in _etcd.WatchAsync(_keys.Prefix, seen + 1, _over.Token))
                {
                    lock (_lock)
                    {
                        _changes.AddRange(changes.Changes.Select(
                            change => new Change(Now, change.Key.Revision, change.Key.Name, change.Key.Value, change.Key.Lease, change.IsDeleted)));
                    }

                    seen = Math.Max(seen, changes.Changes.Max(change => change.Key.Revision));
                }
            }
            catch (Exception e) when (e is EtcdException or OperationCanceledException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), _time, _over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Of one key.</summary>
    /// <param name="At">It is known: it has happened before.</param>
    /// <param name="Revision">Of etcd.</param>
    /// <param name="Name">The key.</param>
    /// <param name="Value">As it is there.</param>
    /// <param name="Lease">It is deleted with.</param>
    /// <param name="IsDeleted">Then there is no value.</param>
    public sealed record Change(TimeSpan At, long Revision, string Name, string Value, long Lease, bool IsDeleted)
    {
        public EtcdKey ToKey() => new(Name, Value, Revision, Lease);
    }

    /// <summary>One flip.</summary>
    /// <param name="Epoch">That began with it.</param>
    /// <param name="Slot">That is active since.</param>
    /// <param name="Switch">It belongs to.</param>
    /// <param name="IsBack">It brings the old slot back.</param>
    /// <param name="Members">Who had to vote.</param>
    /// <param name="KnownAt">It was committed before.</param>
    /// <param name="VotedAt">The last vote before it is known.</param>
    /// <param name="AskedAt">It was committed after.</param>
    public sealed record Commit(
        long Epoch, SlotName Slot, string Switch, bool IsBack, IReadOnlyList<string> Members, TimeSpan KnownAt, TimeSpan VotedAt, TimeSpan AskedAt);
}
