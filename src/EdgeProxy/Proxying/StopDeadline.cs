using System.Globalization;
using EdgeProxy.Hosting;
using EdgeProxy.Slots;
using Microsoft.Extensions.Hosting.Systemd;

namespace EdgeProxy.Proxying;

/// <summary>The end of <c>Shutdown:DrainTimeout</c>: what is still under way in the app then is answered (503) instead of cut.</summary>
/// <remarks>
/// Owned by the host, begins when it is told to stop. Kestrel cuts what is left <see cref="TimeToAnswer"/> later. systemd is asked to wait for that,
/// whatever the unit's <c>TimeoutStopSec=</c> says (sd_notify(3), EXTEND_TIMEOUT_USEC).
/// </remarks>
internal sealed class StopDeadline(SlotPair slots, ShutdownOptions options, ISystemdNotifier systemd, TimeProvider time) : IHostedLifecycleService, IDisposable
{
    /// <summary>For answers that begin at the deadline.</summary>
    public static readonly TimeSpan TimeToAnswer = TimeSpan.FromSeconds(1);

    /// <summary>What is left to do after the last request: the journal of a switch, the end of the process.</summary>
    private static readonly TimeSpan _timeToEnd = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _passed = new();
    private ITimer? _timer;

    /// <summary>Fires when it is over.</summary>
    public CancellationToken Passed => _passed.Token;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        var microseconds = (options.DrainTimeout + TimeToAnswer + _timeToEnd).TotalMicroseconds.ToString("F0", CultureInfo.InvariantCulture);
        systemd.Notify(new ServiceState($"EXTEND_TIMEOUT_USEC={microseconds}"));
        _timer = time.CreateTimer(static deadline => ((StopDeadline)deadline!).Pass(), this, options.DrainTimeout, Timeout.InfiniteTimeSpan);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        _timer?.Dispose();
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        _timer?.Dispose();
        _passed.Dispose();
    }

    private void Pass()
    {
        _passed.Cancel();
        foreach (var slot in SlotNameExtensions.All)
        {
            slots[slot].EndLeases();
        }
    }
}
