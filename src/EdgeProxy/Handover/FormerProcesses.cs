using EdgeProxy.Apps;
using EdgeProxy.Slots;
using EdgeProxy.Switching;

namespace EdgeProxy.Handover;

/// <summary>The processes before this one that still have requests: they are told where these are to go, and asked what they have left.</summary>
/// <remarks>Owned by the host. A round asks each of them; there is one every <see cref="Interval"/>, and one for each wait for their requests.</remarks>
/// <param name="areExpected">They are still to come (<see cref="TakeAsync"/>): a call that asks for them waits.</param>
internal sealed partial class FormerProcesses(bool areExpected, Func<AppRegistry> apps, TimeProvider time, ILogger<FormerProcesses> logger)
    : BackgroundService, IFormerRequests
{
    /// <summary>One more ends the oldest, as SIGTERM does.</summary>
    internal const int Most = 3;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    /// <summary>A process that does not respond for so long is not waited for.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _round = new(1, 1);
    private readonly TaskCompletionSource _taken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private List<HandoverChannel> _channels = [];
    private IReadOnlyList<Holdings> _last = [];

    /// <summary>Takes them over, the oldest first.</summary>
    public async Task TakeAsync(IEnumerable<HandoverChannel> channels)
    {
        using (await HoldAsync(CancellationToken.None))
        {
            _channels = [.. channels];
            _taken.TrySetResult();
            foreach (var oldest in _channels.SkipLast(Most))
            {
                await oldest.SendAsync(new(MessageKind.End));
            }
        }

        await RoundAsync(CancellationToken.None);
    }

    /// <summary>No round begins until the result is disposed.</summary>
    public async Task<IDisposable> HoldAsync(CancellationToken cancellationToken)
    {
        await _round.WaitAsync(cancellationToken);
        return new Hold(_round);
    }

    /// <summary>For the next process. The caller holds the rounds.</summary>
    public IReadOnlyList<int> Descriptors => [.. _channels.Select(channel => channel.Descriptor)];

    /// <summary>The next process has them. The caller holds the rounds.</summary>
    public void LetGo()
    {
        _channels.ForEach(channel => channel.Dispose());
        _channels = [];
        Volatile.Write(ref _last, []);
    }

    /// <summary>What they have, the oldest first.</summary>
    public async Task<IReadOnlyList<Holdings>> ReadAsync(CancellationToken cancellationToken)
    {
        if (areExpected)
        {
            await _taken.Task.WaitAsync(cancellationToken);
        }

        if (_channels.Count > 0)
        {
            await RoundAsync(cancellationToken);
        }

        return Volatile.Read(ref _last);
    }

    public async Task<InFlight> CountAsync(string app, SlotName slot, CancellationToken cancellationToken)
    {
        var all = await ReadAsync(cancellationToken);
        var sum = all.Aggregate(default(Held), (sum, process) => sum + (process.InFlight.GetValueOrDefault(app)?.GetValueOrDefault(slot) ?? default));
        return new InFlight(sum.Http, sum.Stream, sum.WebSocket);
    }

    /// <summary>What ends this process ends them: nobody else would.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        foreach (var channel in _channels)
        {
            await channel.SendAsync(new(MessageKind.End));
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (_channels.Count > 0)
            {
                await RoundAsync(stoppingToken);
            }
        }
    }

    private async Task RoundAsync(CancellationToken cancellationToken)
    {
        using (await HoldAsync(cancellationToken))
        {
            var orders = new HandoverMessage(MessageKind.Orders) { Apps = apps().All.ToDictionary(app => app.Name, OrdersOf) };
            var responses = await Task.WhenAll(_channels.Select(channel => AskAsync(channel, orders)));
            foreach (var (channel, _) in _channels.Zip(responses).Where(pair => pair.Second is null))
            {
                channel.Dispose();
            }

            _channels = [.. _channels.Zip(responses).Where(pair => pair.Second is not null).Select(pair => pair.First)];
            Volatile.Write(ref _last, [.. responses.OfType<Holdings>()]);
        }
    }

    /// <returns>Null: it has ended.</returns>
    private async Task<Holdings?> AskAsync(HandoverChannel channel, HandoverMessage orders)
    {
        await channel.SendAsync(orders);
        var response = await channel.ReadAsync(Patience, time, CancellationToken.None);
        if (response?.Holds is null && response is not null)
        {
            Log.NotUnderstood(logger, response.Kind);
        }

        return response?.Holds;
    }

    private static AppOrders OrdersOf(App app)
    {
        var gate = app.Proxied.Gate;
        return new(
            app.Slots.Active.Name,
            gate.Pause is { } pause ? new(pause.Since, pause.MaxWait) : null,
            gate.Maintenance is { } maintenance ? new(maintenance.Since, maintenance.Message, maintenance.Until) : null);
    }

    private sealed class Hold(SemaphoreSlim round) : IDisposable
    {
        public void Dispose() => round.Release();
    }

    private static partial class Log
    {
        [LoggerMessage(140, LogLevel.Warning, "A former process of EdgeProxy responded with {Kind}; its requests are not counted any more")]
        public static partial void NotUnderstood(ILogger logger, MessageKind kind);
    }
}
