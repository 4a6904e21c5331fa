using System.Text.Json;
using System.Threading.Channels;
using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Fleet.Etcd.Wire;
using EdgeProxy.Slots;

namespace EdgeProxy.Fleet;

/// <summary>The loop of one app in the fleet: it holds what is known of etcd, and tells those who wait when that changes.</summary>
/// <remarks>
/// The loop alone changes what is known. What takes time runs beside it and posts to it. <see cref="FleetMember"/> starts and stops it, and says what it does
/// in each round.
/// </remarks>
internal sealed partial class FleetLoop(FleetNode node, SlotPair slots, ILogger<FleetLoop> logger) : IDisposable
{
    private readonly Channel<Action> _inbox = Channel.CreateUnbounded<Action>(new() { SingleReader = true });
    private readonly CancellationTokenSource _stopping = new();
    private Known _now = new(new(new FleetKeys(node.Options.Name!, slots.App.Name)), IsRegistered: false);
    private bool _isBusy;
    private long _lease;

    /// <summary>What is known now.</summary>
    public Known Now => Volatile.Read(ref _now);

    public FleetSnapshot Seen => Now.Seen;

    public FleetKeys Keys => Seen.Keys;

    public string Node => node.Name;

    /// <summary>The lease of this node in etcd; 0: it has none.</summary>
    public long Lease
    {
        get => Volatile.Read(ref _lease);
        set => Volatile.Write(ref _lease, value);
    }

    /// <summary>The host stops.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Runs until the host stops. Never throws.</summary>
    /// <param name="look">Looks at what is known and does the next thing. It never waits.</param>
    public async Task RunAsync(Action look)
    {
        try
        {
            await foreach (var first in _inbox.Reader.ReadAllAsync(Stopping))
            {
                try
                {
                    first();
                    while (_inbox.Reader.TryRead(out var action))
                    {
                        action();
                    }

                    Know(_now); // what is waited for may be this node's own
                    look();
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

    public Task StopAsync() => _stopping.CancelAsync();

    public void Dispose() => _stopping.Dispose();

    /// <summary>Has the loop do something, and look.</summary>
    public void Post(Action action) => _inbox.Writer.TryWrite(action);

    /// <summary>Changes what is known, and wakes those who wait. By the loop alone.</summary>
    public void Know(Known next)
    {
        var before = _now;
        Volatile.Write(ref _now, next with { Changed = new(TaskCreationOptions.RunContinuationsAsynchronously) });
        before.Changed.TrySetResult();
    }

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

    /// <summary>Runs work beside the loop, if none of this kind runs already. By the loop alone, which asks again as long as there is a reason to.</summary>
    public void Do(string what, Func<CancellationToken, Task> work)
    {
        if (!_isBusy)
        {
            _isBusy = true;
            _ = RunBesideAsync(what, work, () => _isBusy = false);
        }
    }

    /// <summary>Runs work beside the loop. Never throws. What etcd did not confirm is looked at again: it may have been done.</summary>
    /// <param name="what">For the log.</param>
    /// <param name="work">Gets the token of the stop.</param>
    /// <param name="done">Is called by the loop at the end, whatever the outcome.</param>
    public async Task RunBesideAsync(string what, Func<CancellationToken, Task> work, Action done)
    {
        try
        {
            await work(Stopping);
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

    /// <summary>Runs work again and again until the host stops, a moment later where it throws. Never throws.</summary>
    public async Task ForeverAsync(Func<CancellationToken, Task> work, TimeSpan retry, TimeProvider time)
    {
        while (!Stopping.IsCancellationRequested)
        {
            try
            {
                await work(Stopping);
            }
            catch (OperationCanceledException) when (Stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                if (e is not EtcdException)
                {
                    Log.Threw(logger, e);
                }

                await Task.Delay(retry, time, Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
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
        CommitAsync(when, [Put(Keys.State, JsonSerializer.Serialize(next, FleetJson.Default.FleetState)), .. also], cancellationToken);

    /// <summary>Changes keys, if the compares hold.</summary>
    /// <returns>Whether they held.</returns>
    /// <exception cref="EtcdException">What became of it is not known.</exception>
    public Task<bool> CommitAsync(IEnumerable<Compare> when, IEnumerable<RequestOp> changes, CancellationToken cancellationToken) =>
        node.Etcd.CommitAsync(when, changes, cancellationToken);

    /// <summary>Makes a change that puts a signed value, with this node's lease where the value is to end with it.</summary>
    public RequestOp Put(string key, string content, bool isLeased = false) => Transaction.Put(key, node.Key.Sign(key, content), isLeased ? Lease : 0);

    /// <summary>What is known at a time.</summary>
    /// <param name="Seen">In etcd.</param>
    /// <param name="IsRegistered">This node counts as there.</param>
    public sealed record Known(FleetSnapshot Seen, bool IsRegistered)
    {
        /// <summary>Completes when it may be otherwise.</summary>
        public TaskCompletionSource Changed { get; init; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private static partial class Log
    {
        [LoggerMessage(1401, LogLevel.Error, "The fleet's loop threw; it goes on")]
        public static partial void Threw(ILogger logger, Exception exception);

        [LoggerMessage(1403, LogLevel.Debug, "What became of '{What}' is not known: {Problem}")]
        public static partial void NotDone(ILogger logger, string what, string problem);
    }
}
