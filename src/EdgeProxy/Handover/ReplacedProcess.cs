using System.Runtime.InteropServices;
using EdgeProxy.Apps;
using EdgeProxy.Hosting;
using EdgeProxy.Platform;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Units;
using Microsoft.Extensions.Options;

namespace EdgeProxy.Handover;

/// <summary>The rest of the life of a process that another one has replaced: it finishes what it has, and does with it what the new one says.</summary>
/// <remarks>
/// Begun by a handover; it ends with the ordinary stop of the host, and so does SIGTERM at any time. Where the newest process is gone, the last that it said
/// stands.
/// </remarks>
/// <param name="isFirst">No other process has started this one to take its place.</param>
/// <param name="parts">What runs units, orders certificates, sends messages and serves the admin API: the new process does that.</param>
internal sealed partial class ReplacedProcess(
    ShutdownOptions shutdown,
    bool isFirst,
    PublicConnections connections,
    AppRegistry apps,
    Func<IEnumerable<IHostedService>> parts,
    IHostApplicationLifetime life,
    IOptions<HostOptions> host,
    TimeProvider time,
    ILogger<ReplacedProcess> logger)
{
    /// <summary>A client that is heard of within that time is told to close in its response; others are closed.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan PartPatience = TimeSpan.FromSeconds(5);

    /// <summary>The first process of a container, and the child of its init or of systemd where it does not listen: their end is the end of all. Asked at once:
    /// a process whose parent has ended is a child of init, too.</summary>
    private readonly bool _isWaitedFor =
        isFirst && (Environment.ProcessId == 1 || LibC.GetParentPid() == 1) && Environment.GetEnvironmentVariable("NOTIFY_SOCKET") is null;

    private readonly List<PosixSignalRegistration> _signals = [];
    private DateTimeOffset _since;
    private Task? _following;

    /// <param name="successor">The channel to the new process; ours from now on.</param>
    public void Begin(HandoverChannel successor)
    {
        _since = time.GetUtcNow();
        _following = WatchAsync(FollowAsync(successor));
        _ = WatchAsync(EndAsync());
    }

    /// <summary>As the parent of slots that it has started (Units:Manager = Process) this process stays until these have ended: they would end with it. Where
    /// it is the one that a supervisor of another kind than systemd waits for, it stays until the newest one ends, and hands on what it is told by signals.
    /// Called when the host has stopped; returns at once where nothing has replaced this process.</summary>
    public async Task StayAsync()
    {
        if (_following is not null)
        {
            await Task.WhenAny(_following, _isWaitedFor ? _following : WhenNoChildIsLeftAsync());
        }

        _signals.ForEach(signal => signal.Dispose());
    }

    /// <summary>Completes when none of the processes runs that this one has started for slots and companions.</summary>
    private Task WhenNoChildIsLeftAsync() => Task.WhenAll(apps.All.SelectMany(
        app => (Task[])[UnitsFeature.WhenNoChildIsLeftAsync(app.Units), .. app.Companions.All.Select(companion => companion.WhenNoChildIsLeftAsync())]));

    private async Task WatchAsync(Task part)
    {
        try
        {
            await part;
        }
        catch (OperationCanceledException)
        {
            // The host stops.
        }
        catch (Exception e)
        {
            Log.Threw(logger, e);
            life.StopApplication();
        }
    }

    private async Task EndAsync()
    {
        var stopping = life.ApplicationStopping;
        var started = time.GetTimestamp();
        host.Value.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.Ignore; // one that is stopped before the host counts as failed
        await Task.WhenAll(parts().Select(StopAsync));
        var none = connections.WhenNoneAsync();
        await none.WaitAsync(Patience, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        connections.AskToClose();
        var left = shutdown.HandoverTimeout - time.GetElapsedTime(started);
        await none.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Log.Ends(logger, connections.Open, time.GetElapsedTime(started).TotalSeconds);
        life.StopApplication();
    }

    private async Task StopAsync(IHostedService part)
    {
        using var patience = new CancellationTokenSource(PartPatience, time);
        try
        {
            await part.StopAsync(patience.Token);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Log.PartThrew(logger, e, part.GetType().Name);
        }
    }

    /// <summary>Ends with the newest process or with this one: what is left is counted to the last, also during the stop.</summary>
    private async Task FollowAsync(HandoverChannel successor)
    {
        if (_isWaitedFor)
        {
            _signals.AddRange(((PosixSignal[])[PosixSignal.SIGTERM, PosixSignal.SIGINT]).Select(signal => PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                _ = successor.SendAsync(new(MessageKind.End));
            })));
        }

        var hasTakenOver = false;
        while (await successor.ReadAsync(CancellationToken.None) is { } message)
        {
            switch (message.Kind)
            {
                case MessageKind.Orders:
                    hasTakenOver = true;
                    Obey(message.Apps ?? []);
                    await successor.SendAsync(new(MessageKind.Holds) { Number = message.Number, Holds = Holdings() });
                    break;
                case MessageKind.End:
                    life.StopApplication();
                    break;
            }
        }

        if (!hasTakenOver)
        {
            // Killed in that very moment. Nobody accepts, and systemd may wait for this process: the sooner it ends, the sooner another one is started.
            Log.Alone(logger);
            life.StopApplication();
        }
    }

    private void Obey(Dictionary<string, AppOrders> orders)
    {
        foreach (var app in apps.All)
        {
            // An app that the settings do not have any more keeps its slot until its requests have ended.
            if (orders.TryGetValue(app.Name, out var order))
            {
                Obey(app, order);
            }
        }
    }

    private void Obey(App app, AppOrders order)
    {
        var gate = app.Proxied.Gate;
        if (order.Pause is { } pause && (gate.Pause?.Since != pause.Since || gate.Pause.MaxWait != pause.MaxWait))
        {
            gate.Close(new Pause(pause.Since, pause.MaxWait));
        }
        else if (order.Pause is null && gate.Pause is not null)
        {
            gate.Open();
        }

        gate.Set(order.Maintenance is { } maintenance ? new Maintenance(maintenance.Since, maintenance.Message, maintenance.Until) : null);

        var former = app.Slots.Active.Name;
        if (former != order.Active)
        {
            app.Slots.Activate(order.Active);
            // As the new process does with its own: at the deadlines of the settings.
            _ = WatchAsync(app.Services.GetRequiredService<SwitchPhases>().Drain.DrainAsync(former, life.ApplicationStopping));
        }
    }

    private Holdings Holdings() => new(
        Environment.ProcessId,
        _since,
        connections.Open,
        apps.All.ToDictionary(app => app.Name, app => SlotNameExtensions.All.ToDictionary(slot => slot, slot => HeldBy(app.Slots[slot]))))
    {
        Stays = _isWaitedFor || !WhenNoChildIsLeftAsync().IsCompleted,
    };

    private static Held HeldBy(Slot slot)
    {
        var now = slot.InFlight;
        return new(now.Http, now.Stream, now.WebSocket);
    }

    private static partial class Log
    {
        [LoggerMessage(133, LogLevel.Information, "This process, which was replaced {Seconds:F1} s ago, ends; {Connections} connections are left")]
        public static partial void Ends(ILogger logger, int connections, double seconds);

        [LoggerMessage(134, LogLevel.Error, "The end of a process that was replaced has failed; it stops")]
        public static partial void Threw(ILogger logger, Exception exception);

        [LoggerMessage(135, LogLevel.Warning, "{Part} did not stop in order")]
        public static partial void PartThrew(ILogger logger, Exception exception, string part);

        [LoggerMessage(136, LogLevel.Error, "The new process has ended as soon as it had taken over; this one stops, so that EdgeProxy can be started again")]
        public static partial void Alone(ILogger logger);
    }
}
