namespace EdgeProxy.Diagnostics.ServerEvents;

/// <summary>Says once a minute how many events of client connections the log has left out; nothing where there were none.</summary>
/// <remarks>The host owns the loop and ends it.</remarks>
internal sealed partial class ServerLogReport(ServerLog log, TimeProvider time, ILogger<ServerLogReport> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var reported = 0L;
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                Report();
            }
        }
        catch (OperationCanceledException)
        {
            Report();
        }

        void Report()
        {
            var suppressed = log.Suppressed;
            if (suppressed > reported)
            {
                Log.Suppressed(logger, suppressed - reported, suppressed, log.TakeExample() ?? "");
                reported = suppressed;
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            730,
            LogLevel.Warning,
            "{Count} errors of requests and of clients' connections were left out of this log, {Total} since the start; one of them: {Example} "
            + "The access log has those of requests. Some are logged in full with Logging:LogLevel:Microsoft.AspNetCore.Server.Kestrel = Debug")]
        public static partial void Suppressed(ILogger logger, long count, long total, string example);
    }
}
