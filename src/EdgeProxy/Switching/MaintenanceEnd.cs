namespace EdgeProxy.Switching;

/// <summary>Ends maintenance whose time is over. The loop belongs to the host and ends with it; the next process goes on by what the file says.</summary>
internal sealed class MaintenanceEnd(MaintenanceControl maintenance, TimeProvider time) : BackgroundService
{
    /// <summary>The clock may be set while one waits.</summary>
    private static readonly TimeSpan _longestWait = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var changed = maintenance.Changed; // before the look, so that no change is missed
            if (maintenance.EndIfOver() is { } left)
            {
                await changed.WaitAsync(left < _longestWait ? left : _longestWait, time, stoppingToken)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            else
            {
                await changed.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
