using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using EdgeProxy.Common;
using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Fleet.Etcd.Wire;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;

namespace EdgeProxy.Fleet;

/// <summary>Does what operators ask of a fleet, at any of its nodes: it writes that to etcd, where every node sees it.</summary>
internal sealed partial class FleetSwitches(
    FleetMember member,
    FleetLoop loop,
    FleetParticipation participation,
    StagedVersionFile staged,
    SwitchCoordinator switches,
    ActiveSlotRecord active,
    WarmSlot warm,
    TimeProvider time) : ISwitchDoor
{
    /// <summary>A label goes into commands and pages of every node.</summary>
    private const string LabelWords = "a label of a fleet is 1 to 64 of A-Z, a-z, 0-9, ., _, /, + and -";

    public FleetMember Member => member;

    /// <summary>Describes the fleet as this node knows it.</summary>
    public FleetView View(bool withNodes) => FleetView.Of(member, active.Current?.Epoch, withNodes);

    /// <summary>Begins a switch of all nodes.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="left">The nodes that are left out, and adopt when they are back.</param>
    /// <param name="cancellationToken">Ends the wait for its beginning.</param>
    public ValueTask<SwitchStart> BeginAsync(SwitchRequest request, LeftOut left, CancellationToken cancellationToken) => AskAsync(async () =>
    {
        if (request.Preview is not null || request.Canary is { Count: > 0 })
        {
            return new SwitchStart.Refused("a fleet moves all clients of all nodes at once: it has no preview and no canary");
        }

        if (request.Label is { } label && !Label().IsMatch(label))
        {
            return new SwitchStart.Refused(LabelWords);
        }

        var seen = await loop.ReadAsync(cancellationToken);
        if (WhyNot(seen) is { } refusal)
        {
            return refusal;
        }

        var state = seen.State!;
        return request.To is { } to && to != state.Slot.Other()
            ? new SwitchStart.Refused($"{to.ToKey()} is active already")
            : await StartAsync(seen, request, left, cancellationToken);
    });

    /// <summary>Brings all nodes back to the slot that was active before.</summary>
    public ValueTask<SwitchStart> RollBackAsync(bool force, LeftOut left, CancellationToken cancellationToken) => AskAsync(async () =>
    {
        var seen = await loop.ReadAsync(cancellationToken);
        if (seen.State is { Switch: { } running } state)
        {
            return running is { Phase: FleetPhase.Observe or FleetPhase.Drain, IsGoingBack: false, Reason: null }
                ? await RecallAsync(seen, state, running, cancellationToken)
                : Busy(running);
        }

        if (WhyNot(seen) is { } refusal)
        {
            return refusal;
        }

        var isWarm = warm.Until(seen.State!.Slot.Other()) is not null;
        return await StartAsync(
            seen,
            new SwitchRequest(Label: seen.State.IdleLabel, Force: force, WarmUse: isWarm && !force ? WarmUse.ReuseOnly : WarmUse.Reuse),
            left,
            cancellationToken);
    });

    /// <summary>Calls the running switch back, also before the flip.</summary>
    public ValueTask<SwitchStart> AbortAsync(CancellationToken cancellationToken) => AskAsync(async () =>
    {
        var seen = await loop.ReadAsync(cancellationToken);
        return seen.State is not { Switch: { } running } state ? new SwitchStart.Refused("no switch runs")
            : running.Phase is FleetPhase.Back or FleetPhase.Stop || running.IsGoingBack
                ? new SwitchStart.Refused($"switch {running.Id} is in {running.Phase}: it is too late to abort it")
            : await RecallAsync(seen, state, running, cancellationToken);
    });

    /// <summary>Forgets a node that does not come back: later switches do not wait for it.</summary>
    /// <returns>Why not; null: it is done.</returns>
    public async Task<SwitchStart?> RemoveAsync(string node, CancellationToken cancellationToken)
    {
        try
        {
            var seen = await loop.ReadAsync(cancellationToken);
            if (seen.Nodes.All(one => one.Name != node))
            {
                return new SwitchStart.Refused($"there is no node \"{node}\"; there is: {string.Join(", ", seen.Nodes.Select(one => one.Name))}");
            }

            var key = seen.Keys.Members + node;
            Compare[] when = [Transaction.IsAt(seen.Keys.State, seen.StateRevision), Transaction.IsAbsent(seen.Keys.Presences + node)];
            return seen.IsAlive(node) ? new SwitchStart.Refused($"{node} is there; stop its proxy first")
                : seen.State?.Switch?.Members.Contains(node) is true ? new SwitchStart.Refused($"{node} takes part in a switch that runs")
                : await loop.CommitAsync(when, [Transaction.Delete(key)], cancellationToken) ? await ForgottenAsync(node, cancellationToken)
                : new SwitchStart.Refused("the fleet has changed meanwhile; look again");
        }
        catch (EtcdException e)
        {
            return Away(e);
        }
    }

    /// <summary>Waits until the watch has brought it, so that what is shown afterwards is without the node.</summary>
    private async Task<SwitchStart?> ForgottenAsync(string node, CancellationToken cancellationToken)
    {
        using var patience = new Deadline(TimeSpan.FromSeconds(2), time, cancellationToken);
        try
        {
            await loop.WhenAsync(now => now.Seen.Nodes.All(one => one.Name != node), patience.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // It is forgotten all the same.
        }

        return null;
    }

    /// <summary>Notes what a deploy has put into the idle slot of this node: it takes no part in a switch to anything else.</summary>
    /// <returns>Why not; null: it is noted.</returns>
    public SwitchStart? Stage(string? label)
    {
        if (label is null || !Label().IsMatch(label))
        {
            return new SwitchStart.Refused(LabelWords);
        }

        if (switches.Running is { } running)
        {
            return new SwitchStart.Refused($"switch {running.Id} runs");
        }

        if (active.Current is not { } own)
        {
            return new SwitchStart.Refused("this node has no active slot yet");
        }

        try
        {
            staged.Write(new(own.Slot.Other(), label));
            return null;
        }
        catch (StateException e)
        {
            return new SwitchStart.Refused(e.Message);
        }
    }

    /// <summary>Makes what this node serves the fleet's state, where etcd has lost it or has an old backup of it.</summary>
    /// <returns>Why not; null: it is done.</returns>
    public async Task<SwitchStart?> RestoreAsync(CancellationToken cancellationToken)
    {
        try
        {
            var seen = await loop.ReadAsync(cancellationToken);
            if (active.Current is not { Epoch: { } epoch, Release: { } release } own)
            {
                return new SwitchStart.Refused("this node has not been at an epoch of the fleet");
            }

            if (seen.State is { } state && state.Epoch >= epoch)
            {
                return new SwitchStart.Refused($"etcd is at epoch {state.Epoch}, and this node at {epoch}: there is nothing to restore");
            }

            var restored = new FleetState
            {
                Format = FleetState.CurrentFormat,
                Epoch = epoch,
                Slot = own.Slot,
                Release = release,
                Label = own.Label,
                IdleRelease = own.IdleRelease,
                IdleLabel = own.IdleLabel,
            };
            return await loop.CommitAsync(restored, [Transaction.IsAt(seen.Keys.State, seen.StateRevision)], [], cancellationToken)
                ? null
                : new SwitchStart.Refused("etcd has changed meanwhile; look again");
        }
        catch (EtcdException e)
        {
            return Away(e);
        }
    }

    private async Task<SwitchStart> StartAsync(FleetSnapshot seen, SwitchRequest request, LeftOut leftOut, CancellationToken cancellationToken)
    {
        var state = seen.State!;
        var lost = seen.Missing(seen.Members);
        var left = leftOut.Nodes.Concat(leftOut.Lost ? lost : []).Distinct().ToArray();
        if (left.Except(seen.Nodes.Select(node => node.Name)).FirstOrDefault() is { } unknown)
        {
            return new SwitchStart.Refused($"there is no node \"{unknown}\"; there is: {string.Join(", ", seen.Nodes.Select(node => node.Name))}");
        }

        if (lost.Except(left).ToArray() is { Length: > 0 } missing)
        {
            return new SwitchStart.Refused(
                $"{Coordination.Are(missing, "is", "are")} not there. Wait, or leave out what is lost, with "
                + $"{string.Join(' ', missing.Select(node => $"--without {node}"))} or --without-lost: it comes to the fleet's version by itself when "
                + "it is back");
        }

        var members = seen.Members.Except(left).ToArray();
        if (!members.Contains(member.Node))
        {
            return new SwitchStart.Refused($"{member.Node}, which was asked, would not take part in it; ask another node");
        }

        var next = new FleetSwitch
        {
            Id = NewId(),
            From = state.Slot,
            To = state.Slot.Other(),
            Label = request.Label,
            Phase = FleetPhase.Prepare,
            Members = members,
            Without = left,
            Force = request.Force,
            WarmUse = request.WarmUse ?? WarmUse.Restart,
        };
        Compare[] when =
        [
            Transaction.IsAt(seen.Keys.State, seen.StateRevision), Transaction.IsAbsent(seen.Keys.Coordinator),
            Transaction.IsUnchanged(seen.Keys.Members, seen.Revision), .. members.Select(node => Transaction.IsPresent(seen.Keys.Presences + node)),
        ];
        RequestOp[] also =
        [
            loop.Put(seen.Keys.Coordinator, member.Node, isLeased: true),
            .. left.Select(node => loop.Put(seen.Keys.Members + node, FleetSnapshot.Excluded)),
        ];
        try
        {
            if (!await loop.CommitAsync(state with { Switch = next }, when, also, cancellationToken))
            {
                return new SwitchStart.Refused("another switch has begun, or the fleet has changed meanwhile; look again");
            }
        }
        catch (EtcdException)
        {
            if ((await loop.ReadAsync(cancellationToken)).State?.Switch?.Id != next.Id) // whether it was done is to be looked at
            {
                throw;
            }
        }

        return await StartedAsync(next.Id, cancellationToken) is { } started
            ? started
            : new SwitchStart.Refused($"switch {next.Id} could not be begun here: {(await loop.ReadAsync(cancellationToken)).State?.Last?.Reason}");
    }

    /// <summary>Waits for the part of this node.</summary>
    /// <returns>Null: the fleet's switch has ended before it began.</returns>
    private async Task<SwitchStart.Started?> StartedAsync(string id, CancellationToken cancellationToken)
    {
        await loop.WhenAsync(known => participation.Last?.Id == id || known.Seen.State?.Last?.Id == id, cancellationToken);
        return participation.Last is { } begun && begun.Id == id ? begun.Start : null;
    }

    private async Task<SwitchStart> RecallAsync(FleetSnapshot seen, FleetState state, FleetSwitch running, CancellationToken cancellationToken)
    {
        var recalled = state with { Switch = running with { IsRecalled = true } };
        return await loop.CommitAsync(recalled, [Transaction.IsAt(seen.Keys.State, seen.StateRevision)], [], cancellationToken)
            ? participation.Last is { } begun && begun.Id == running.Id
                ? new SwitchStart.Joined(switches.Running ?? begun.Start.Switch, begun.Start.Completion)
                : new SwitchStart.Refused($"switch {running.Id} is called back, and this node has no part in it")
            : new SwitchStart.Refused("the switch has gone on meanwhile; look again");
    }

    private SwitchStart? WhyNot(FleetSnapshot seen) => seen.Foreign is { } foreign
            ? new SwitchStart.Unavailable($"{foreign} in etcd is not signed with the fleet's key, or another version of EdgeProxy wrote it")
        : seen.State is not { } state ? new SwitchStart.Refused("etcd has no state of the fleet; `edgeproxy fleet` says more")
        : state.Switch is { } running ? Busy(running)
        // Of an older one, a backup say, it would be begun by nobody.
        : state.Epoch != member.Epoch ? new SwitchStart.Refused(
            $"this node is not ready: {member.WhyNotReady() ?? $"the fleet is at epoch {state.Epoch}, and this node at {member.Epoch}"}")
        : !member.Now.IsRegistered ? new SwitchStart.Refused($"this node is not ready: {member.WhyNotReady() ?? "it is about to join the fleet"}")
        : null;

    private SwitchStart Busy(FleetSwitch running) => switches.Running is { } here && here.Id == running.Id
        ? new SwitchStart.Busy(here)
        : new SwitchStart.Refused($"switch {running.Id} of the fleet runs, in {running.Phase}");

    private static async ValueTask<SwitchStart> AskAsync(Func<Task<SwitchStart>> ask)
    {
        try
        {
            return await ask();
        }
        catch (EtcdException e)
        {
            return Away(e);
        }
    }

    private static SwitchStart.Unavailable Away(EtcdException e) =>
        new($"{e.Words}. Every node serves on; a switch is possible when it is back");

    private string NewId() =>
        $"{time.GetUtcNow().UtcDateTime.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}-{RandomNumberGenerator.GetHexString(4, lowercase: true)}";

    [GeneratedRegex(@"^[A-Za-z0-9._/+-]{1,64}\z")]
    private static partial Regex Label();
}
