using System.Globalization;
using Microsoft.Extensions.Hosting.Systemd;

namespace EdgeProxy.Hosting;

/// <summary>Tells systemd twice per <c>WatchdogSec=</c> that the thread pool still runs work (sd_watchdog_enabled(3)). Without a watchdog it ends at
/// once.</summary>
/// <remarks>Owned by the host, ends with it. A proxy that cannot run a timer any more is restarted by systemd; its sockets queue meanwhile.</remarks>
internal sealed class SystemdWatchdog(ISystemdNotifier notifier, TimeProvider time) : BackgroundService
{
    private static readonly ServiceState _alive = new("WATCHDOG=1");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!notifier.IsEnabled || Period() is not { } period)
        {
            return;
        }

        using var timer = new PeriodicTimer(period / 2, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            notifier.Notify(_alive);
        }
    }

    private static TimeSpan? Period() =>
        long.TryParse(Environment.GetEnvironmentVariable("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds)
        && microseconds > 0
        && (Environment.GetEnvironmentVariable("WATCHDOG_PID") is not { } pid || pid == Environment.ProcessId.ToString(CultureInfo.InvariantCulture))
            ? TimeSpan.FromMicroseconds(microseconds)
            : null;
}
