using System.Runtime.InteropServices;
using EdgeProxy.Apps;
using EdgeProxy.Common;
using EdgeProxy.Configuration;
using EdgeProxy.Hosting;
using EdgeProxy.Platform;
using EdgeProxy.State;
using EdgeProxy.Switching;

namespace EdgeProxy.Handover;

/// <summary>What became of a handover.</summary>
/// <param name="Pid">The new process; null: this one goes on as if nothing had been.</param>
/// <param name="Problem">Why it does.</param>
/// <param name="AreSettingsWrong">Because of them.</param>
/// <param name="Changes">Settings that the new process has otherwise.</param>
internal sealed record HandoverOutcome(int? Pid, string? Problem, bool AreSettingsWrong, IReadOnlyList<SettingChange> Changes)
{
    /// <summary>Another one was under way: what becomes of this process is that one's to say.</summary>
    public bool IsLate { get; init; }
}

/// <summary>Replaces this process by a new one, of the program and the settings as they are on disk now, without a request that waits or is cut.</summary>
/// <remarks>
/// <see cref="TryAsync"/> is what it does, in order. Until <see cref="MessageKind.Accepting"/> this process serves as ever, and a new one that fails, in
/// whatever way, is ended and forgotten. For an instant both accept, so that no connection waits. Asked for by the admin API or by SIGUSR2.
/// </remarks>
internal sealed partial class ProcessHandover(
    RunningSettings settings,
    AppRegistry apps,
    IEnumerable<IReloadCheck> checks,
    StateDirectory state,
    ListeningSockets sockets,
    PublicConnections connections,
    ConnectionCloseOnShutdown connectionClose,
    SystemdNotices systemd,
    FormerProcesses former,
    ReplacedProcess farewell,
    TimeProvider time,
    ILogger<ProcessHandover> logger) : IHostedService, IDisposable
{
    /// <summary>The longest wait for the new process to be ready, for a running switch to end, and for the new process to accept: each.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly CancellationTokenSource _stopping = new();
    private PosixSignalRegistration? _signal;
    private volatile bool _isGivingAway;
    private bool _hasHandedOver; // guarded by _one

    /// <summary>The state is about to be another process's: what would change it is to be asked again.</summary>
    public bool IsGivingAway => _isGivingAway;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        Successor.RememberProgram();
        EarlySignals.Listen(EarlySignals.User2);
        _signal = PosixSignalRegistration.Create((PosixSignal)EarlySignals.User2, context =>
        {
            context.Cancel = true;
            _ = Task.Run(RunAsync);
        });
        return Task.CompletedTask;
    }

    /// <summary>One that is under way is given up.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _signal?.Dispose();
        await _stopping.CancelAsync();
        await _one.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose()
    {
        _signal?.Dispose();
        _stopping.Dispose();
    }

    /// <summary>Hands over, or goes on. Never throws.</summary>
    public async Task<HandoverOutcome> RunAsync()
    {
        var late = Refused("Another reload was under way, and may have read the settings before they were changed: ask again.") with { IsLate = true };
        if (!_one.Wait(0))
        {
            return late;
        }

        if (_hasHandedOver)
        {
            _one.Release();
            return late;
        }

        var outcome = Refused("it has failed; the log says how");
        try
        {
            outcome = await TryAsync(_stopping.Token);
        }
        catch (OperationCanceledException)
        {
            outcome = Refused("this process stops");
        }
        catch (Exception e)
        {
            Log.Threw(logger, e);
        }

        if (outcome.Pid is { } pid)
        {
            _hasHandedOver = true;
            Log.Done(logger, pid, outcome.Changes.Count);
        }
        else
        {
            Log.NotDone(logger, outcome.Problem!);
        }

        _one.Release(); // also of the last one: a stop waits for it, and those that stop after this would have no time left
        return outcome;
    }

    private async Task<HandoverOutcome> TryAsync(CancellationToken stopping)
    {
        var found = settings.LoadAgain();
        if (!found.IsValid)
        {
            var problems = string.Join("; ", found.Problems.Select(problem => problem.ToString()));
            return Refused($"{found.File} is not valid: {problems}") with { AreSettingsWrong = true };
        }

        foreach (var check in checks)
        {
            if (check.Check(settings.Loaded.Configuration, found.Configuration) is { } refusal)
            {
                return Refused(refusal.Why) with { AreSettingsWrong = refusal.AreSettingsWrong };
            }
        }

        CrashPoint.Enter(CrashPoint.Handover);
        var (started, cannot) = await StartNewAsync(stopping);
        using var successor = started;
        if (successor is null)
        {
            return Refused(cannot);
        }

        CrashPoint.Pass("new process", "started");
        using var held = new Standstill();
        string? fault = "this process stops";
        try
        {
            fault = await OfferAsync(successor.Channel, held, stopping);
        }
        finally
        {
            if (fault is not null)
            {
                fault = $"{fault}; {successor.End()}";
                TakeBack(held);
            }
        }

        if (fault is not null)
        {
            return Refused(fault);
        }

        CrashPoint.Pass("new process", "accepting");
        await connections.StopAcceptingAsync();
        CrashPoint.Pass("old process", "no longer accepting");
        connectionClose.Begin();
        sockets.GiveAway();
        systemd.Leave(successor.Pid);
        state.LetGo();
        await former.LetGoAsync();
        successor.HasTakenOver();
        await successor.Channel.SendAsync(new(MessageKind.Main));
        CrashPoint.Pass("new process", "told that it is alone");
        farewell.Begin(successor.Channel);
        return new(successor.Pid, null, false, SettingChange.Between(settings.Loaded.Configuration, found.Configuration));
    }

    /// <summary>Why: the file is none that can be run, say.</summary>
    private async Task<(Successor? Successor, string Why)> StartNewAsync(CancellationToken stopping)
    {
        // Not for longer: the switch that is waited for may wait for what old processes have left.
        using var rounds = await former.HoldTakenAsync(stopping);
        try
        {
            return (Successor.Start(sockets.All, state.Descriptor, state.FullPath, former.Descriptors), "");
        }
        catch (IOException e)
        {
            return (null, e.Message);
        }
    }

    /// <summary>The steps of the protocol.</summary>
    /// <param name="held">Gets the turns and the rounds.</param>
    /// <returns>Why the new process does not take over; null: it accepts.</returns>
    private async Task<string?> OfferAsync(HandoverChannel channel, Standstill held, CancellationToken stopping)
    {
        var first = await channel.ReadAsync(Patience, time, stopping);
        if (first?.Kind is not MessageKind.Ready)
        {
            return Fault(first, "get ready");
        }

        using var deadline = new Deadline(Patience, time, stopping);
        try
        {
            foreach (var app in apps.All)
            {
                held.Turns.Add(await app.Services.GetRequiredService<Reconciliation>().TakeTurnAsync(deadline.Token));
            }
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return $"a switch runs and has not ended within {Patience.TotalSeconds} s; ask again when it has";
        }

        held.Rounds = await former.HoldAsync(stopping);
        _isGivingAway = true;
        state.GiveAway(true);
        CrashPoint.Pass("state", "given away");
        await channel.SendAsync(new(MessageKind.Go));
        CrashPoint.Pass("new process", "told to go");
        var second = await channel.ReadAsync(Patience, time, stopping);
        return second?.Kind is MessageKind.Accepting ? null : Fault(second, "accept connections");
    }

    private void TakeBack(Standstill held)
    {
        state.GiveAway(false);
        _isGivingAway = false;
        held.Turns.ForEach(turn => turn.Dispose());
    }

    private static string Fault(HandoverMessage? message, string step) =>
        message?.Text ?? $"the new process did not {step} within {Patience.TotalSeconds} s, or ended before";

    private static HandoverOutcome Refused(string why) => new(null, why, AreSettingsWrong: false, []);

    /// <summary>What keeps still while another process takes the state.</summary>
    private sealed class Standstill : IDisposable
    {
        /// <summary>Those to change units, of each app: no switch runs. A process that has handed over keeps them for good.</summary>
        public List<IDisposable> Turns { get; } = [];

        /// <summary>The rounds of the former processes, which are held during the handover.</summary>
        public IDisposable? Rounds { get; set; }

        public void Dispose() => Rounds?.Dispose();
    }

    private static partial class Log
    {
        [LoggerMessage(130, LogLevel.Information, "Process {Pid} has taken over, with {Changes} settings changed; this one finishes what it has")]
        public static partial void Done(ILogger logger, int pid, int changes);

        [LoggerMessage(131, LogLevel.Error, "No handover, and nothing has changed: {Problem}")]
        public static partial void NotDone(ILogger logger, string problem);

        [LoggerMessage(132, LogLevel.Error, "A handover threw")]
        public static partial void Threw(ILogger logger, Exception exception);
    }
}
