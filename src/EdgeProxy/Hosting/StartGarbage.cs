namespace EdgeProxy.Hosting;

/// <summary>
/// Gives back what a start has allocated and nothing needs any more: settings, services being built, certificates being read (docs/adr/0022).
/// </summary>
/// <remarks>
/// Owned by the host, begins when all has started, acts once. A small service allocates so little that the collector would not run for hours.
/// The collection stops everything for some ten milliseconds.
/// </remarks>
/// <param name="release">Called once, by a timer.</param>
internal sealed class StartGarbage(Action release, TimeProvider time) : IHostedLifecycleService, IDisposable
{
    /// <summary>The time after the start at which work begins that would compete with the first requests.</summary>
    public static readonly TimeSpan Delay = TimeSpan.FromSeconds(2);

    private ITimer? _timer;

    /// <summary>Compacts all generations, returns their memory to the system, and lets go of the program's pages that have been read.</summary>
    public static void Release()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        FilePages.Release();
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        _timer = time.CreateTimer(static release => ((Action)release!)(), release, Delay, Timeout.InfiniteTimeSpan);
        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        _timer?.Dispose();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _timer?.Dispose();
}
