using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Switching.Records;
using EdgeProxy.Units;

namespace EdgeProxy.Fleet;

/// <content>What runs beside the loop: the watch, the read that makes sure, the lease, and the adoption of what was decided elsewhere.</content>
internal sealed partial class FleetMember
{
    private static readonly TimeSpan VerifyEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan VerifyEveryInSwitch = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(200);

    private Task ForeverAsync(Func<CancellationToken, Task> work) => loop.ForeverAsync(work, Retry, time);

    private async Task TickAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(Tick, time);
        while (await timer.WaitForNextTickAsync(stopping))
        {
            loop.Post(() => { });
        }
    }

    private async Task WatchAsync(CancellationToken stopping)
    {
        var sent = time.GetTimestamp();
        var fresh = await loop.ReadAsync(stopping);
        loop.Post(() => Take(fresh, sent));
        await foreach (var changes in node.Etcd.WatchAsync(fresh.Keys.Prefix, fresh.Revision + 1, stopping))
        {
            loop.Post(() =>
            {
                if (changes.Revision > Seen.Revision)
                {
                    See(Seen.With(changes.Changes, changes.Revision, node.Key));
                }
            });
        }
    }

    /// <summary>Reads the document again and again: a watch is fast, but silent when it is dead; this is slow and sure.</summary>
    private async Task VerifyAsync(CancellationToken stopping)
    {
        await Task.Delay(Now.Seen.State?.Switch is null ? VerifyEvery : VerifyEveryInSwitch, time, stopping);
        var sent = time.GetTimestamp();
        var found = await node.Etcd.FindAsync(Keys.State, stopping);
        loop.Post(() =>
        {
            if (found?.Revision > Seen.StateRevision)
            {
                // The watch is behind. The document alone is enough to flip; the other keys come with the watch.
                See(Seen.With([new(IsDeleted: false, found)], Seen.Revision, node.Key));
            }

            if (_hasRead && (found?.Revision ?? 0) == Seen.StateRevision)
            {
                Verified(sent);
            }
        });
    }

    /// <summary>Gets a lease, and keeps it. Before the first one, the lease of a former process is revoked: its votes are for a candidate that nobody watches
    /// any more. The lease of a process that hands over goes on.</summary>
    private async Task LeaseAsync(CancellationToken stopping)
    {
        if (loop.Lease == 0 && !directory.IsGivenAway)
        {
            if (!Volatile.Read(ref _isSettled))
            {
                await SettleAsync(stopping);
            }

            if (loop.Lease == 0)
            {
                loop.Lease = await node.Etcd.GrantAsync(node.Options.LostAfter, stopping);
            }

            loop.Post(() => { });
        }

        await Task.Delay(node.Options.LostAfter / 4, time, stopping);
        if (directory.IsGivenAway)
        {
            return; // the new process keeps it
        }

        if (!await node.Etcd.KeepAliveAsync(loop.Lease, stopping))
        {
            Log.LeaseLost(logger);
            loop.Lease = 0;
            loop.Post(() => loop.Know(loop.Now with { IsRegistered = false }));
        }
    }

    private async Task SettleAsync(CancellationToken stopping)
    {
        var name = Keys.Presences + Node;
        var former = (await node.Etcd.FindAsync(name, stopping))?.Lease ?? 0;
        var inherited = _isHandedOver ? former : 0;
        if (former != inherited)
        {
            await node.Etcd.RevokeAsync(former, stopping);
        }

        var sent = time.GetTimestamp();
        var after = await loop.ReadAsync(stopping);
        if (inherited == 0 && after.Find(name) is not null)
        {
            throw new EtcdException($"{name} is held by another process: does another node have this name?", Grpc.Core.StatusCode.AlreadyExists);
        }

        var settled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(() =>
        {
            Take(after, sent);
            loop.Lease = inherited;
            _hasJoined |= inherited != 0;
            Volatile.Write(ref _isSettled, true);
            settled.SetResult();
        });
        await settled.Task.WaitAsync(stopping);
    }

    /// <summary>Takes note that all keys were read.</summary>
    private void Take(FleetSnapshot fresh, long sent)
    {
        if (!_hasRead && fresh.State?.Switch is { } running && !(_isHandedOver && fresh.VoteOf(Node, running) is null))
        {
            _firstSwitch = running.Id; // this node may have had a part in it, which has ended with its process
        }

        if (fresh.Revision >= Seen.Revision && fresh.StateRevision >= (fresh.State is null ? 0 : Seen.StateRevision))
        {
            See(fresh);
            Verified(sent);
        }

        Volatile.Write(ref _hasRead, true);
    }

    private void See(FleetSnapshot next)
    {
        if (next.Foreign is { } foreign && foreign != Seen.Foreign)
        {
            Log.Foreign(logger, foreign);
        }

        loop.Know(loop.Now with { Seen = next });
    }

    private void Verified(long sent) => Volatile.Write(ref _verifiedAt, Math.Max(sent, _verifiedAt));

    private void TryAdopt(FleetState state)
    {
        if (_adopting is null && (_adoptionFailedAt is not { } failed || time.GetElapsedTime(failed) >= AdoptionRetry))
        {
            _adopting = AdoptAsync(state);
        }
    }

    private async Task AdoptAsync(FleetState state)
    {
        await Task.Yield(); // not in the loop
        string? problem;
        try
        {
            problem = await AdoptAsync(state, loop.Stopping);
        }
        catch (OperationCanceledException) when (loop.Stopping.IsCancellationRequested)
        {
            return;
        }
        catch (Exception e)
        {
            problem = e.Message;
        }

        if (problem is not null)
        {
            Log.NotAdopted(logger, state.Epoch, problem);
        }
        else
        {
            Log.Adopted(logger, state.Epoch, state.Slot);
        }

        _adoptionProblem = problem is null ? null : $"it does not come to epoch {state.Epoch} of the fleet: {problem}";
        loop.Post(() => (_adopting, _adoptionFailedAt) = (null, problem is null ? null : time.GetTimestamp()));
    }

    private async Task<string?> AdoptAsync(FleetState state, CancellationToken cancellationToken)
    {
        var own = Own;
        var isSameSlot = own?.Slot == state.Slot;
        if (own is not null && isSameSlot && own.Release == state.Release && own.Epoch is not null)
        {
            await active.WriteAsync(own, own with { Epoch = state.Epoch, IdleRelease = state.IdleRelease, IdleLabel = state.IdleLabel });
            return null;
        }

        if (staged.Read()?.WhyNot(state.Slot, state.Label) is { } other)
        {
            return other;
        }

        Log.Adopting(logger, state.Epoch, state.Slot, state.Release);
        var next = new ActiveSlot
        {
            Version = ActiveSlot.CurrentVersion,
            Slot = state.Slot,
            Since = time.GetUtcNow(),
            Switch = state.Release,
            Label = state.Label,
            IdleLabel = state.IdleLabel,
            Epoch = state.Epoch,
            Release = state.Release,
            IdleRelease = state.IdleRelease,
        };
        var claimed = own is null ? next with { Epoch = 0, Release = null } : isSameSlot ? own with { Release = null } : own with { IdleRelease = null };
        var isFirst = own is { Epoch: null } && isSameSlot && own.Label == state.Label; // it joins, with the same version for all that is known
        var problem = await reconciliation.AdoptAsync(claimed, next, isFirst || await RunsAsync(state, own, cancellationToken), cancellationToken);
        if (problem is null)
        {
            staged.Clear(state.Slot);
        }

        return problem;
    }

    /// <summary>Says whether the version of the fleet runs in the idle slot here: it is the candidate that this node has voted for, or the old one that
    /// is not stopped yet.</summary>
    private async Task<bool> RunsAsync(FleetState state, ActiveSlot? own, CancellationToken cancellationToken)
    {
        var isCandidate = _left is { StartsCandidate: true } left && left.Switch.Id == state.Release && left.Switch.To == state.Slot;
        var isOld = own is { Epoch: not null } && own.Slot != state.Slot && own.IdleRelease == state.Release;
        return own?.Slot != state.Slot && (isCandidate || isOld)
            && (await units.GetStatusAsync(state.Slot, cancellationToken)).State is UnitState.Active or UnitState.Reloading;
    }
}
