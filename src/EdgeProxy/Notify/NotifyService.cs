namespace EdgeProxy.Notify;

/// <summary>Delivers what is in the queue: a loop for each receiver, so that a slow or broken one delays no other.</summary>
/// <remarks>Owned by the host; a try that runs at its stop is cancelled, and made again by the next process.</remarks>
internal sealed partial class NotifyService(
    NotifyOptions options, NotifyQueue queue, NotifyDelivery delivery, NotifyMetrics metrics, TimeProvider time, ILogger<NotifyService> logger)
    : BackgroundService
{
    /// <summary>The waits after a failed try; after the last one there is one more try.</summary>
    internal static readonly TimeSpan[] BackOff =
        [TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10)];

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll((options.Receivers ?? []).Select(receiver => DeliverAsync(receiver.Key, receiver.Value, stoppingToken)));

    private async Task DeliverAsync(string name, ReceiverOptions receiver, CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var changed = queue.Changed; // before the look, so that no message is missed
            var next = queue.Next(name);
            var wait = next is null ? Timeout.InfiniteTimeSpan : next.NotBefore - time.GetUtcNow();
            // What is put off for longer was put off by a clock that was wrong: it is due. (No timer takes more than 49 days.)
            if (next is null || (wait > TimeSpan.Zero && wait <= BackOff[^1]))
            {
                await changed.WaitAsync(wait, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }

            await TryAsync(name, receiver, next, stoppingToken);
        }
    }

    private async Task TryAsync(string name, ReceiverOptions receiver, PendingMessage pending, CancellationToken stoppingToken)
    {
        string? problem;
        try
        {
            problem = await delivery.SendAsync(receiver, pending.Message, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return;
        }
        catch (Exception e)
        {
            problem = $"EdgeProxy itself failed ({e.GetType().Name}: {e.Message}); please report this";
        }

        var tries = pending.Tries + 1;
        if (problem is null)
        {
            queue.Replace(pending, next: null);
            metrics.Ended(name, NotifyResult.Sent);
            Log.Sent(logger, pending.Message.Event, name, tries);
        }
        else if (tries > BackOff.Length)
        {
            queue.Replace(pending, next: null);
            metrics.Ended(name, NotifyResult.Failed);
            Log.GivenUp(logger, pending.Message.Event, name, tries, problem, pending.Message.Title);
        }
        else
        {
            var wait = BackOff[tries - 1];
            queue.Replace(pending, pending with { Tries = tries, NotBefore = time.GetUtcNow() + wait });
            Log.Failed(logger, pending.Message.Event, name, problem, wait.TotalSeconds);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1303, LogLevel.Information, "{Event} was told to {Receiver}, at try {Tries}")]
        public static partial void Sent(ILogger logger, NotifyEvent @event, string receiver, int tries);

        [LoggerMessage(1304, LogLevel.Warning, "{Event} could not be told to {Receiver}: {Problem}; it is tried again in {Seconds} s")]
        public static partial void Failed(ILogger logger, NotifyEvent @event, string receiver, string problem, double seconds);

        [LoggerMessage(1305, LogLevel.Error, "{Event} could not be told to {Receiver} in {Tries} tries and is given up: {Problem}. The message was: {Title}")]
        public static partial void GivenUp(ILogger logger, NotifyEvent @event, string receiver, int tries, string problem, string title);
    }
}
