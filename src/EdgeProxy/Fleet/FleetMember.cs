using System.Text.Json;
using System.Threading.Channels;
using EdgeProxy.Common;
using EdgeProxy.Diagnostics;
using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Fleet.Etcd.Wire;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Units;

namespace EdgeProxy.Fleet;

/// <summary>This node in the fleet of one app: looks at what is agreed on in etcd, and does its part of it.</summary>
/// <remarks>
/// One loop looks, whenever something has changed and ten times a second; what takes time runs beside it and tells it when it has ended. It begins before a
/// listener opens and ends with the host. Nothing here keeps the proxy from serving: without etcd it serves what it knows.
/// In a handover the node stays the node: the new process goes on with its lease, and until it has the state alone neither of the two does anything.
/// </remarks>
internal sealed partial class FleetMember(
    FleetNode node,
    FleetClaim claim,
    HealthOptions health,
    SlotPair slots,
    ActiveSlotRecord active,
    SwitchCoordinator switches,
    Reconciliation reconciliation,
    SwitchCheckpointFile checkpoint,
    IUnitManager units,
    HealthProbe probe,
    FleetHold hold,
    StagedVersionFile staged,
    StateDirectory directory,
    TimeProvider time,
    ILogger<FleetMember> logger) : IHostedLifecycleService, IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan AdoptionRetry = TimeSpan.FromSeconds(10);

    /// <summary>The process before serves as long as this one waits, but changes nothing; it gives up after 30 s.</summary>
    private static readonly TimeSpan HandoverPatience = TimeSpan.FromSeconds(5);

    private readonly Channel<Action> _inbox = Channel.CreateUnbounded<Action>(new() { SingleReader = true });
    private readonly CancellationTokenSource _stopping = new();
    private readonly string _process = Guid.NewGuid().ToString("N");
    private readonly bool _isHandedOver = directory.IsShared;
    private Known _known = new(new(new FleetKeys(node.Options.Name!, slots.App.Name)), IsRegistered: false, null);
    private FleetVote? _wanted;
    private bool _isBusy;
    private bool _isCoordinating;
    private string? _takenOver;
    private bool _isBeginning;
    private bool _hasRead;
    private bool _isSettled;
    private bool _hasStarted;
    private string? _firstSwitch;
    private SwitchCheckpoint? _left;
    private Task? _adopting;
    private long? _adoptionFailedAt;
    private (string? Id, FleetPhase Phase, long Since) _phase;
    private Task _running = Task.CompletedTask;
    private Task _loops = Task.CompletedTask;
    private volatile bool _hasJoined;
    private volatile string? _adoptionProblem;
    private long _verifiedAt;
    private long _lease;

    /// <summary>What is known now.</summary>
    public Known Now => Volatile.Read(ref _known);

    public string Node => node.Name;

    /// <summary>What a deploy has put into the idle slot here.</summary>
    public StagedVersionFile Staged => staged;

    /// <summary>The fleet's flips that this node has followed.</summary>
    public long Epoch => Own?.Epoch ?? 0;

    public FleetKeys Keys => Now.Seen.Keys;

    /// <summary>Since when etcd has not confirmed what is known; null: it never has.</summary>
    public TimeSpan? Silence => Volatile.Read(ref _verifiedAt) is not 0 and var at ? time.GetElapsedTime(at) : null;

    private ActiveSlot? Own => active.Current;

    private FleetSnapshot Seen => _known.Seen;

    private FleetLimits Limits => new(node.Options.PrepareTimeout ?? health.StartBudget + TimeSpan.FromSeconds(30), FleetHold.Limit, node.Options.Flip);

    /// <summary>Why balancers should not send requests here; null: they may. That etcd is away alone is no reason: nobody flips without this node's
    /// vote.</summary>
    public string? WhyNotReady()
    {
        var (own, state) = (Own, Now.Seen.State);
        var silence = Silence ?? TimeSpan.MaxValue;
        return !_hasJoined ? _adoptionProblem ?? "it has not joined its fleet yet"
            : state is null ? null
            : IsBehind(state, own) ? _adoptionProblem ?? $"the fleet is at epoch {state.Epoch}, and this node brings itself there"
            : state.Epoch < own?.Epoch
                ? $"etcd is at epoch {state.Epoch}, and this node at {own.Epoch}: an old backup? `edgeproxy fleet restore` makes this node's state the fleet's"
            : state.Switch is { } @switch && @switch.Members.Contains(Node) && silence > node.Options.InDoubtAfter
                ? $"it takes part in switch {@switch.Id} and has not heard of etcd for {silence.TotalSeconds:0.0} s"
            : node.Options.WhenCutOff == FleetCutOff.StepOut && silence > node.Options.LostAfter ? "it is cut off from etcd (Fleet:WhenCutOff is StepOut)"
            : null;
    }

    /// <summary>Reads all that etcd has of the fleet now.</summary>
    /// <exception cref="EtcdException">It could not.</exception>
    public async Task<FleetSnapshot> ReadAsync(CancellationToken cancellationToken)
    {
        var all = await node.Etcd.ReadAsync(Keys.Prefix, cancellationToken);
        return new FleetSnapshot(Keys).With(all.Keys.Select(key => new EtcdChange(IsDeleted: false, key)), all.Revision, node.Key);
    }

    /// <summary>Changes what is agreed on, if it still is as it was seen.</summary>
    /// <returns>Whether it was.</returns>
    /// <exception cref="EtcdException">What became of it is not known.</exception>
    public Task<bool> CommitAsync(FleetState next, IEnumerable<Compare> when, IEnumerable<RequestOp> also, CancellationToken cancellationToken) =>
        node.Etcd.CommitAsync(when, [Put(Keys.State, JsonSerializer.Serialize(next, FleetJson.Default.FleetState)), .. also], cancellationToken);

    /// <summary>Deletes a key.</summary>
    /// <returns>Whether the compares held.</returns>
    /// <exception cref="EtcdException">What became of it is not known.</exception>
    public Task<bool> RemoveAsync(IEnumerable<Compare> when, string key, CancellationToken cancellationToken) =>
        node.Etcd.CommitAsync(when, [Transaction.Delete(key)], cancellationToken);

    /// <summary>A signed value, with this node's lease where it is to go with it.</summary>
    public RequestOp Put(string key, string content, bool isLeased = false) =>
        Transaction.Put(key, node.Key.Sign(key, content), isLeased ? Volatile.Read(ref _lease) : 0);

    /// <summary>Completes when something holds of what is known.</summary>
    /// <exception cref="OperationCanceledException">By the token.</exception>
    public async Task<Known> WhenAsync(Func<Known, bool> holds, CancellationToken cancellationToken)
    {
        while (true)
        {
            var now = Now;
            if (holds(now))
            {
                return now;
            }

            await now.Changed.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>What this node has to say, from now on until it says otherwise.</summary>
    public void Want(FleetVote vote) => Post(() => _wanted = vote);

    /// <summary>Tries again to come to where the fleet is.</summary>
    public void Adopt() => Post(() => _adoptionFailedAt = null);

    /// <summary>Before the active slot is chosen and a listener opens: etcd is asked, and what the fleet has decided meanwhile is done.</summary>
    async Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken)
    {
        await active.ReadAsync(cancellationToken);
        _left = checkpoint.Read().Value;
        _running = RunAsync(_stopping.Token);
        _loops = Task.WhenAll(
            ForeverAsync(WatchAsync), ForeverAsync(LeaseAsync), ForeverAsync(VerifyAsync), ForeverAsync(TickAsync));
        var longest = _isHandedOver && node.Options.StartPatience > HandoverPatience ? HandoverPatience : node.Options.StartPatience;
        try
        {
            using var patience = new Deadline(longest, time, cancellationToken);
            await WhenAsync(_ => Volatile.Read(ref _hasRead) && Volatile.Read(ref _isSettled), patience.Token);
            if (!_isHandedOver) // else it adopts when it has the units, and serves meanwhile what the process before has served
            {
                await WhenAsync(now => now.Seen.State is not { } state || !IsBehind(state, Own) || _adoptionProblem is not null, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // A switch of the fleet that this node had a part in may have been committed meanwhile; so may what it was about to adopt.
            _hasJoined = _left?.Switch.Fleet is null && Own is null or { Epoch: null } or { Release: not null };
            Log.EtcdAway(logger, longest.TotalSeconds, _hasJoined ? "ready" : "not ready, as a switch of the fleet was under way");
        }
    }

    Task IHostedService.StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedLifecycleService.StartedAsync(CancellationToken cancellationToken)
    {
        Post(() => _hasStarted = true);
        return Task.CompletedTask;
    }

    Task IHostedLifecycleService.StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Last of the app's services. The others are told at once, and need not wait for the lease. A new process has that.</summary>
    async Task IHostedService.StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_running, _loops).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!directory.IsGivenAway && !directory.IsShared && Volatile.Read(ref _lease) is not 0 and var lease)
        {
            try
            {
                await node.Etcd.RevokeAsync(lease, cancellationToken);
            }
            catch (Exception e) when (e is EtcdException or OperationCanceledException)
            {
                // It ends by itself.
            }
        }
    }

    Task IHostedLifecycleService.StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _stopping.Dispose();

    private static bool IsBehind(FleetState state, ActiveSlot? own) =>
        own is null || state.Epoch > (own.Epoch ?? 0) || (state.Epoch == own.Epoch && own.Release != state.Release);

    private void Post(Action action) => _inbox.Writer.TryWrite(action);

    private async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            await foreach (var first in _inbox.Reader.ReadAllAsync(stopping))
            {
                first();
                while (_inbox.Reader.TryRead(out var action))
                {
                    action();
                }

                try
                {
                    Look();
                }
                catch (Exception e)
                {
                    Log.Threw(logger, e); // the next look is soon
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    /// <summary>Something is known anew: those who wait look. By the loop alone.</summary>
    private void Know(Known next)
    {
        var before = _known;
        Volatile.Write(ref _known, next with { Changed = new(TaskCreationOptions.RunContinuationsAsynchronously) });
        before.Changed.TrySetResult();
    }

    /// <summary>Looks at what is known and does the next thing. Never waits.</summary>
    private void Look()
    {
        Know(_known); // what is waited for may be this node's own
        if (!_hasRead || !_isSettled || directory.IsGivenAway || directory.IsShared)
        {
            return;
        }

        var state = Seen.State;
        if (state?.Switch?.Id is not { } running || running != _firstSwitch)
        {
            _firstSwitch = null;
            if (_hasStarted)
            {
                claim.Release();
            }
        }

        if (state is null)
        {
            // One that was in a fleet does not found it anew: its etcd has lost what it knew.
            if (Seen.Foreign is null && _lease != 0 && _hasStarted && Own is { Epoch: null } own)
            {
                Do("found", token => FoundAsync(own, token));
            }

            return;
        }

        if (_phase.Id != state.Switch?.Id || (state.Switch is { } now && now.Phase != _phase.Phase))
        {
            _phase = (state.Switch?.Id, state.Switch?.Phase ?? default, time.GetTimestamp());
        }

        _known.Begun?.Agreement.Look(Seen);
        if (IsBehind(state, Own))
        {
            if (_known.Begun is null or { Start.Completion.IsCompleted: true })
            {
                TryAdopt(state);
            }
        }
        else if (state.Epoch == Own!.Epoch)
        {
            Register(state);
            if (_known.IsRegistered && state.Switch is { } @switch)
            {
                TakePart(@switch);
                Drive(@switch);
            }
        }
    }

    /// <summary>Whoever serves the fleet's epoch is a member; while a switch runs, only who is one of its members.</summary>
    private void Register(FleetState state)
    {
        var presence = Seen.Find(Keys.Presences + Node);
        var isRegistered = _lease != 0 && presence?.Lease == _lease;
        if (isRegistered != _known.IsRegistered)
        {
            Know(_known with { IsRegistered = isRegistered });
        }

        _hasJoined |= isRegistered;
        var mayRegister = _lease != 0 && (presence is null || isRegistered) && state.Switch?.Members.Contains(Node) is null or true;
        if (mayRegister && state.Switch?.Phase != FleetPhase.Back && Seen.PresenceOf(Node)?.Epoch != Own!.Epoch)
        {
            var content = JsonSerializer.Serialize(
                new FleetPresence(_process, Own.Epoch!.Value, ProductVersion.Text), FleetJson.Default.FleetPresence);
            var when = Transaction.IsAt(Keys.State, Seen.StateRevision);
            Do("register", token => node.Etcd.CommitAsync(
                [when], [Put(Keys.Presences + Node, content, isLeased: true), Put(Keys.Members + Node, FleetSnapshot.Member)], token));
        }
    }

    private void TakePart(FleetSwitch @switch)
    {
        if (!@switch.Members.Contains(Node))
        {
            return;
        }

        var begun = _known.Begun is { } one && one.Id == @switch.Id ? one : null;
        if (begun is null && @switch.Phase == FleetPhase.Prepare && _firstSwitch != @switch.Id && _wanted?.Id != @switch.Id)
        {
            Begin(@switch);
            return;
        }

        if (begun is null or { Start.Completion.IsCompleted: true })
        {
            VoteWithoutRun(@switch, begun);
        }

        if (_wanted is { } vote && vote.Id == @switch.Id && vote.Phase == @switch.Phase && Seen.VoteOf(Node, @switch) != vote)
        {
            Compare[] when = [Transaction.IsAt(Keys.State, Seen.StateRevision), Transaction.HasLease(Keys.Presences + Node, _lease)];
            var content = JsonSerializer.Serialize(vote, FleetJson.Default.FleetVote);
            Do("vote", async token =>
            {
                CrashPoint.Pass("vote", "about to be put");
                await node.Etcd.CommitAsync(when, [Put(Keys.Votes + Node, content, isLeased: true)], token);
                CrashPoint.Pass("vote", "put");
            });
        }
    }

    /// <summary>Begins the switch of this node that is its part of the fleet's.</summary>
    private void Begin(FleetSwitch @switch)
    {
        if (_isBeginning)
        {
            return;
        }

        _isBeginning = true;
        _ = BeginAsync();

        async Task BeginAsync()
        {
            var agreement = new FleetAgreement(this, hold, @switch);
            if (staged.Read()?.WhyNot(@switch.To, @switch.Label) is { } other)
            {
                VoteNo(other);
                return;
            }

            string problem;
            try
            {
                var request = new SwitchRequest(
                    @switch.To, @switch.Label, @switch.Force, Canary: [], Id: @switch.Id, Agreement: agreement, WarmUse: @switch.WarmUse);
                var start = await switches.BeginAsync(request, _stopping.Token);
                if (start is SwitchStart.Started started)
                {
                    Post(() => Know(_known with { Begun = new(@switch.Id, agreement, started) }));
                    _ = started.Completion.ContinueWith(_ => Post(() => { }), TaskScheduler.Default);
                    Post(() => _isBeginning = false);
                    return;
                }

                if (start is SwitchStart.Busy)
                {
                    Post(() => _isBeginning = false); // the one before ends here just now
                    return;
                }

                problem = start is SwitchStart.Refused refused ? refused.Reason : $"{start}";
            }
            catch (Exception e)
            {
                problem = e.Message;
            }

            VoteNo(problem);
        }

        void VoteNo(string problem) => Post(() => (_wanted, _isBeginning) = (new(@switch.Id, FleetPhase.Prepare, problem), false));
    }

    /// <summary>What a node says that has no run of the switch any more: it has ended here, or its process is new.</summary>
    private void VoteWithoutRun(FleetSwitch @switch, Begun? begun)
    {
        switch (@switch.Phase)
        {
            case FleetPhase.Prepare when begun is null && _wanted is { Problem: not null } said && said.Id == @switch.Id:
                break; // it could not be begun here
            case FleetPhase.Prepare or FleetPhase.Hold:
                var failed = begun?.Start.Completion.Result.Phases.LastOrDefault(phase => phase.Failed);
                var problem = failed is not null ? $"{failed.Phase}: {failed.Detail}" : "its proxy was restarted";
                _wanted = new(@switch.Id, @switch.Phase, problem);
                break;
            case FleetPhase.Back when _wanted?.Id != @switch.Id || _wanted.Phase != FleetPhase.Back:
                Do("probe", async token =>
                {
                    var result = await probe.ProbeAsync(slots[@switch.From].Address, token);
                    Want(new(@switch.Id, FleetPhase.Back, result.Error));
                });
                break;
            case FleetPhase.Back:
                break;
            default:
                _wanted = new(@switch.Id, @switch.Phase, null);
                break;
        }
    }

    /// <summary>Drives the switch on, where this node is the one that does.</summary>
    private void Drive(FleetSwitch @switch)
    {
        var coordinator = Seen.Find(Keys.Coordinator);
        if (coordinator is null)
        {
            Compare[] free = [Transaction.IsAbsent(Keys.Coordinator), Transaction.IsAt(Keys.State, Seen.StateRevision)];
            Coordinate("take over", async token =>
            {
                if (await node.Etcd.CommitAsync(free, [Put(Keys.Coordinator, Node, isLeased: true)], token))
                {
                    Log.TookOver(logger, @switch.Id, @switch.Phase);
                    Post(() => (_takenOver, _phase.Since) = (@switch.Id, time.GetTimestamp()));
                }
            });
        }
        else if (coordinator.Value == Node && coordinator.Lease == _lease
            && Coordination.Decide(Seen, time.GetElapsedTime(_phase.Since), _takenOver == @switch.Id, Limits) is { } step)
        {
            Coordinate("decide", async token =>
            {
                await CommitAsync(step.Next, step.When, step.Next.Switch is null ? [Transaction.Delete(Keys.Coordinator)] : [], token);
                CrashPoint.Pass("decision", "put");
            });
        }
    }

    /// <summary>The first node of a fleet says what it serves.</summary>
    private async Task FoundAsync(ActiveSlot own, CancellationToken cancellationToken)
    {
        var state = new FleetState
        {
            Format = FleetState.CurrentFormat,
            Epoch = 1,
            Slot = own.Slot,
            Release = own.Switch ?? "first",
            Label = own.Label,
            IdleLabel = own.IdleLabel,
        };
        await CommitAsync(state, [Transaction.IsAbsent(Keys.State)], [], cancellationToken);
    }

    private void Do(string what, Func<CancellationToken, Task> work)
    {
        if (!_isBusy)
        {
            _isBusy = true;
            _ = DoAsync(what, work, () => _isBusy = false);
        }
    }

    private void Coordinate(string what, Func<CancellationToken, Task> work)
    {
        if (!_isCoordinating)
        {
            _isCoordinating = true;
            _ = DoAsync(what, work, () => _isCoordinating = false);
        }
    }

    /// <summary>Never throws. What etcd did not confirm is looked at again: it may have been done.</summary>
    private async Task DoAsync(string what, Func<CancellationToken, Task> work, Action done)
    {
        try
        {
            await work(_stopping.Token);
        }
        catch (EtcdException e)
        {
            Log.NotDone(logger, what, e.Message);
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
        catch (Exception e)
        {
            Log.Threw(logger, e);
        }
        finally
        {
            Post(done);
        }
    }

    /// <summary>What is known at a time.</summary>
    /// <param name="Seen">In etcd.</param>
    /// <param name="IsRegistered">This node counts as there.</param>
    /// <param name="Begun">Its last switch.</param>
    public sealed record Known(FleetSnapshot Seen, bool IsRegistered, Begun? Begun)
    {
        /// <summary>Completes when it may be otherwise.</summary>
        public TaskCompletionSource Changed { get; init; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>This node's part of a switch.</summary>
    public sealed record Begun(string Id, FleetAgreement Agreement, SwitchStart.Started Start);

    private static partial class Log
    {
        [LoggerMessage(
            1400, LogLevel.Warning, "etcd has not responded within {Seconds} s: what is known here is served, and the node is {Ready}")]
        public static partial void EtcdAway(ILogger logger, double seconds, string ready);

        [LoggerMessage(1401, LogLevel.Error, "The fleet's loop threw; it goes on")]
        public static partial void Threw(ILogger logger, Exception exception);

        [LoggerMessage(1402, LogLevel.Warning, "This node drives switch {SwitchId} of the fleet on, in {Phase}: the one that did is gone")]
        public static partial void TookOver(ILogger logger, string switchId, FleetPhase phase);

        [LoggerMessage(1403, LogLevel.Debug, "What became of '{What}' is not known: {Problem}")]
        public static partial void NotDone(ILogger logger, string what, string problem);

        [LoggerMessage(1404, LogLevel.Information, "The fleet is at epoch {Epoch}: {Slot} is brought to its version {Release}")]
        public static partial void Adopting(ILogger logger, long epoch, SlotName slot, string release);

        [LoggerMessage(1405, LogLevel.Error, "This node does not come to epoch {Epoch} of its fleet, and is not ready: {Problem}. It is tried again")]
        public static partial void NotAdopted(ILogger logger, long epoch, string problem);

        [LoggerMessage(1406, LogLevel.Information, "This node is at epoch {Epoch} of its fleet, on {Slot}")]
        public static partial void Adopted(ILogger logger, long epoch, SlotName slot);

        [LoggerMessage(1407, LogLevel.Warning, "etcd has not heard of this node for too long: its lease has ended, and it registers again")]
        public static partial void LeaseLost(ILogger logger);

        [LoggerMessage(1408, LogLevel.Error, "{Key} in etcd is not signed with the fleet's key, or another version's; it is not believed")]
        public static partial void Foreign(ILogger logger, string key);
    }
}
