namespace EdgeProxy.Apps;

/// <summary>Starts and stops what runs in the apps, all apps at a time, the services of each in their order.</summary>
/// <remarks>Owned by the host of the process. A loop of an app that fails is a bug: it is logged, and neither the other apps nor the requests of its own see
/// it.</remarks>
internal sealed partial class AppHost(AppRegistry apps, ILogger<AppHost> logger) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => EachAsync(service => service.StartingAsync(cancellationToken));

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(apps.All.Select(async app =>
        {
            foreach (var service in app.Hosted)
            {
                await service.StartAsync(cancellationToken);
                _ = WatchAsync(app, service as BackgroundService);
            }
        }));
    }

    public Task StartedAsync(CancellationToken cancellationToken) => EachAsync(service => service.StartedAsync(cancellationToken));

    public Task StoppingAsync(CancellationToken cancellationToken) => EachAsync(service => service.StoppingAsync(cancellationToken));

    public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(apps.All.Select(async app =>
    {
        foreach (var service in app.Hosted.Reverse())
        {
            await service.StopAsync(cancellationToken);
        }
    }));

    public Task StoppedAsync(CancellationToken cancellationToken) => EachAsync(service => service.StoppedAsync(cancellationToken));

    private Task EachAsync(Func<IHostedLifecycleService, Task> call) => Task.WhenAll(apps.All.Select(async app =>
    {
        foreach (var service in app.Hosted.OfType<IHostedLifecycleService>())
        {
            await call(service);
        }
    }));

    /// <summary>Ends with the loop; never throws.</summary>
    private async Task WatchAsync(App app, BackgroundService? service)
    {
        try
        {
            await (service?.ExecuteTask ?? Task.CompletedTask);
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
        catch (Exception e)
        {
            Log.LoopFailed(logger, e, service!.GetType().Name, app.Name);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            344, LogLevel.Critical, "{Service} of {App} has failed and does not run any more. Requests are served; restart EdgeProxy, and report this")]
        public static partial void LoopFailed(ILogger logger, Exception exception, string service, string app);
    }
}
