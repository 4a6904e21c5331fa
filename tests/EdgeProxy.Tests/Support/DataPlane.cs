using EdgeProxy.Diagnostics;
using EdgeProxy.Diagnostics.AccessLogging;
using EdgeProxy.Hosting;
using EdgeProxy.Proxying;
using EdgeProxy.Proxying.Spooling;
using EdgeProxy.Settings;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EdgeProxy.Tests.Support;

/// <summary>The public side of the proxy in front of two addresses, without the control plane.</summary>
internal sealed class DataPlane : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ProxiedApp _proxied;

    private DataPlane(WebApplication app, FakeAdvisor advisor)
    {
        _app = app;
        Advisor = advisor;
        _proxied = app.Services.GetRequiredService<ProxiedApps>().All[0];
        Address = new Uri(
            app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First(
                address => address.StartsWith("http:", StringComparison.Ordinal)).Replace("[::]", "127.0.0.1", StringComparison.Ordinal));
        Client = NewClient();
    }

    public SlotPair Slots => _proxied.Slots;

    public FakeAdvisor Advisor { get; }

    public Uri Address { get; }

    /// <summary>One client with keep-alive connections, as a browser has.</summary>
    public HttpClient Client { get; }

    /// <summary>Where it speaks TLS: an endpoint of <c>Kestrel:Endpoints</c> with <c>https://127.0.0.1:0</c>.</summary>
    public int HttpsPort =>
        new Uri(
            _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single(
                address => address.StartsWith("https:", StringComparison.Ordinal))).Port;

    public SlotConnections Connections => _proxied.Connections;

    public UpstreamWaitQueue Gate => _proxied.Outage;

    public SpoolStore Spool => _proxied.Spool;

    public MaintenanceGate App => _proxied.Gate;

    public PublicConnections PublicConnections => _app.Services.GetRequiredService<PublicConnections>();

    public AccessLog AccessLog => _app.Services.GetRequiredService<AccessLog>();

    public static Task<DataPlane> StartAsync(
        string blue, string green, Action<EdgeProxyOptions>? configure = null, params (string Key, string Value)[] settings) =>
        StartAsync(blue, green, TimeProvider.System, configure, settings);

    public static async Task<DataPlane> StartAsync(
        string blue, string green, TimeProvider time, Action<EdgeProxyOptions>? configure = null, params (string Key, string Value)[] settings)
    {
        var options = new EdgeProxyOptions
        {
            Slots = new SlotsOptions { Blue = new() { Address = blue }, Green = new() { Address = green } },
            AccessLog = new AccessLogOptions { Format = AccessLogFormat.None },
        };
        configure?.Invoke(options);
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("Kestrel:Endpoints:Http:Url", "http://127.0.0.1:0")])
            .AddInMemoryCollection(settings.Select(setting => new KeyValuePair<string, string?>(setting.Key, setting.Value)))
            .Build();
        var advisor = new FakeAdvisor();
        var app = EdgeProxyServer.BuildDataPlane(configuration, options, builder =>
        {
            builder.Logging.ClearProviders();
            builder.Services.AddSingleton<IOutageAdvisor>(advisor);
            builder.Services.AddSingleton(time);
        });
        await app.StartAsync();
        return new DataPlane(app, advisor);
    }

    public T Get<T>()
        where T : notnull => _app.Services.GetRequiredService<T>();

    public HttpClient NewClient() => new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { BaseAddress = Address };

    /// <summary>Stops as on SIGTERM.</summary>
    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        using var now = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }
}

/// <summary>Stands in for the control plane: waits for ever unless told that waiting is in vain.</summary>
internal sealed class FakeAdvisor : IOutageAdvisor
{
    private readonly TaskCompletionSource<string> _hopeless = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _asked;

    public int Asked => Volatile.Read(ref _asked);

    public void GiveUp(string reason) => _hopeless.TrySetResult(reason);

    /// <summary>What the control plane says of a slot that ends connections without a response.</summary>
    public bool IsRestarting { get; set; }

    public Task<bool> OutlastRestartAsync(Slot slot, CancellationToken cancellationToken) => Task.FromResult(IsRestarting);

    public Task<string> WhenHopelessAsync(Slot slot, CancellationToken outageEnded)
    {
        Interlocked.Increment(ref _asked);
        return _hopeless.Task.WaitAsync(outageEnded);
    }
}
