using System.Text.Json;
using EdgeProxy.Common;
using EdgeProxy.Diagnostics;
using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Units;

namespace EdgeProxy.Fleet;

/// <summary>The membership of this node in the fleet of one app: the node joins, stays in touch with etcd, and comes to what the fleet has agreed on.</summary>
/// <remarks>
/// The loop looks whenever something has changed and ten times a second. It begins before a listener opens and ends with the host. Nothing here keeps the proxy
/// from serving: without etcd it serves what it knows.
/// In a handover the node stays the node: the new process goes on with its lease, and until it has the state alone neither of the two does anything.
/// </remarks>
internal sealed partial class FleetMember(
    FleetNode node,
    FleetLoop loop,
    FleetParticipation participation,
    FleetClaim claim,
    ActiveSlotRecord active,
    Reconciliation reconciliation,
    SwitchCheckpointFile checkpoint,
    IUnitManager units,
    StagedVersionFile staged,
    StateDirectory directory,
    TimeProvider time,
    ILogger<FleetMember> logger) : IHostedLifecycleService
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan AdoptionRetry = TimeSpan.FromSeconds(10);

    /// <summary>The process before serves as long as this one waits, but changes nothing; it gives up after 30 s.</summary>
    private static readonly TimeSpan HandoverPatience = TimeSpan.FromSeconds(5);

    private readonly string _process = Guid.NewGuid().ToString("N");
    private readonly bool _isHandedOver = directory.IsShared;
    private bool _hasRead;
    private bool _isSettled;
    private bool _hasStarted;
    private string? _firstSwitch;
    private SwitchCheckpoint? _left;
    private Task? _adopting;
    private long? _adoptionFailedAt;
    private Task _running = Task.CompletedTask;
    private volatile bool _hasJoined;
    private volatile string? _adoptionProblem;
    private long _verifiedAt;

    /// <summary>What is known now.</summary>
    public FleetLoop.Known Now => loop.Now;

    public string Node => node.Name;

    /// <summary>The fleet's flips that this node has followed.</summary>
    public long Epoch => Own?.Epoch ?? 0;

    public FleetKeys Keys => loop.Keys;

    /// <summary>How long ago etcd confirmed what is known; null: it never has.</summary>
    public TimeSpan? Silence => Volatile.Read(ref _verifiedAt) is not 0 and var at ? time.GetElapsedTime(at) : null;

    private ActiveSlot? Own => active.Current;

    private FleetSnapshot Seen => loop.Seen;

    /// <summary>Says why balancers should not send requests here; null: they may. That etcd is away is alone no reason: nobody flips without this node's
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

    /// <summary>Tries again to come to where the fleet is.</summary>
    public void Adopt() => loop.Post(() => _adoptionFailedAt = null);

    /// <summary>Asks etcd, and does what the fleet has decided meanwhile, before the active slot is chosen and a listener opens.</summary>
    async Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken)
    {
        await active.ReadAsync(cancellationToken);
        _left = checkpoint.Read().Value;
        _running = Task.WhenAll(
            loop.RunAsync(Look), ForeverAsync(WatchAsync), ForeverAsync(LeaseAsync), ForeverAsync(VerifyAsync), ForeverAsync(TickAsync));
        var longest = _isHandedOver && node.Options.StartPatience > HandoverPatience ? HandoverPatience : node.Options.StartPatience;
        try
        {
            using var patience = new Deadline(longest, time, cancellationToken);
            await loop.WhenAsync(_ => Volatile.Read(ref _hasRead) && Volatile.Read(ref _isSettled), patience.Token);
            if (!_isHandedOver) // else it adopts when it has the units, and serves meanwhile what the process before has served
            {
                await loop.WhenAsync(now => now.Seen.State is not { } state || !IsBehind(state, Own) || _adoptionProblem is not null, cancellationToken);
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
        loop.Post(() => _hasStarted = true);
        return Task.CompletedTask;
    }

    Task IHostedLifecycleService.StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Stops as the last of the app's services. The other nodes are told at once, and need not wait for the lease. A new process keeps it.</summary>
    async Task IHostedService.StopAsync(CancellationToken cancellationToken)
    {
        await loop.StopAsync();
        await _running.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!directory.IsGivenAway && !directory.IsShared && loop.Lease is not 0 and var lease)
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

    private static bool IsBehind(FleetState state, ActiveSlot? own) =>
        own is null || state.Epoch > (own.Epoch ?? 0) || (state.Epoch == own.Epoch && own.Release != state.Release);

    /// <summary>Looks at what is known and does the next thing. It never waits.</summary>
    private void Look()
    {
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
            if (Seen.Foreign is null && loop.Lease != 0 && _hasStarted && Own is { Epoch: null } own)
            {
                loop.Do("found", token => FoundAsync(own, token));
            }

            return;
        }

        participation.See(state);
        if (IsBehind(state, Own))
        {
            if (participation.Last is null or { Start.Completion.IsCompleted: true })
            {
                TryAdopt(state);
            }
        }
        else if (state.Epoch == Own!.Epoch)
        {
            Register(state);
            if (loop.Now.IsRegistered && state.Switch is { } @switch)
            {
                participation.TakePart(@switch, mayBegin: _firstSwitch != @switch.Id);
            }
        }
    }

    /// <summary>Registers this node where it serves the fleet's epoch; while a switch runs, only where it is one of the switch's members.</summary>
    private void Register(FleetState state)
    {
        var presence = Seen.Find(Keys.Presences + Node);
        var isRegistered = loop.Lease != 0 && presence?.Lease == loop.Lease;
        if (isRegistered != loop.Now.IsRegistered)
        {
            loop.Know(loop.Now with { IsRegistered = isRegistered });
        }

        _hasJoined |= isRegistered;
        var mayRegister = loop.Lease != 0 && (presence is null || isRegistered) && state.Switch?.Members.Contains(Node) is null or true;
        if (mayRegister && state.Switch?.Phase != FleetPhase.Back && Seen.PresenceOf(Node)?.Epoch != Own!.Epoch)
        {
            var content = JsonSerializer.Serialize(
                new FleetPresence(_process, Own.Epoch!.Value, ProductVersion.Text), FleetJson.Default.FleetPresence);
            var when = Transaction.IsAt(Keys.State, Seen.StateRevision);
            loop.Do("register", token => loop.CommitAsync(
                [when], [loop.Put(Keys.Presences + Node, content, isLeased: true), loop.Put(Keys.Members + Node, FleetSnapshot.Member)], token));
        }
    }

    /// <summary>Founds the fleet: its first node says what it serves.</summary>
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
        await loop.CommitAsync(state, [Transaction.IsAbsent(Keys.State)], [], cancellationToken);
    }

    private static partial class Log
    {
        [LoggerMessage(
            1400, LogLevel.Warning, "etcd has not responded within {Seconds} s: what is known here is served, and the node is {Ready}")]
        public static partial void EtcdAway(ILogger logger, double seconds, string ready);

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
