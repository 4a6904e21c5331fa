using EdgeProxy.Proxying;

namespace EdgeProxy.Apps;

/// <summary>The apps of this process, with their control planes.</summary>
internal sealed class AppRegistry(ProxiedApps apps, AppFactory factory) : IAsyncDisposable
{
    /// <summary>All apps, in the order of the settings; at least one.</summary>
    public IReadOnlyList<App> All { get; } = [.. apps.All.Select(factory.Create)];

    /// <summary>The app that is alone; null: there are several.</summary>
    public App? Only => All is [var only] ? only : null;

    public App? Find(string name) => All.FirstOrDefault(app => app.Name == name);

    /// <summary>All at a time: child processes may take long to end.</summary>
    public async ValueTask DisposeAsync() => await Task.WhenAll(All.Select(app => app.DisposeAsync().AsTask()));
}
