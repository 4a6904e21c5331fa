using System.Globalization;
using Microsoft.Extensions.Hosting.Systemd;

namespace EdgeProxy.Hosting;

/// <summary>Says when <c>Shutdown:DrainTimeout</c> has passed since the proxy was told to stop.</summary>
/// <remarks>
/// Owned by the host, begins when it is told to stop. Kestrel cuts what is left <see cref="TimeToRespond"/> later. systemd is asked to wait for that,
/// whatever the unit's <c>TimeoutStopSec=</c> says (sd_notify(3), EXTEND_TIMEOUT_USEC).
/// </remarks>
/// <param name="passed">Called once, by a timer.</param>
internal sealed class StopTimer(Action passed, ShutdownOptions options, ISystemdNotifier systemd, TimeProvider time) : IHostedLifecycleService, IDisposable
{
    /// <summary>The time for responses that begin at the deadline.</summary>
    public static readonly TimeSpan TimeToRespond = TimeSpan.FromSeconds(1);

    /// <summary>What is left to do after the last request: the checkpoint of a switch, the end of the process.</summary>
    public static readonly TimeSpan TimeToEnd = TimeSpan.FromSeconds(10);

    private ITimer? _timer;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        var microseconds = (options.DrainTimeout + TimeToRespond + TimeToEnd).TotalMicroseconds.ToString("F0", CultureInfo.InvariantCulture);
        systemd.Notify(new ServiceState($"EXTEND_TIMEOUT_USEC={microseconds}"));
        _timer = time.CreateTimer(static passed => ((Action)passed!)(), passed, options.DrainTimeout, Timeout.InfiniteTimeSpan);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        _timer?.Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _timer?.Dispose();
}
