using EdgeProxy.Apps;
using EdgeProxy.Diagnostics;
using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Fleet;
using EdgeProxy.Proxying;
using EdgeProxy.Settings;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Units;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace EdgeProxy.Tests.Support;

/// <summary>
/// The control plane as the product composes it, over a state directory of its own, units in memory, and a real app behind each of them.
/// <see cref="StartAsync"/> and <see cref="StopAsync"/> are a process of the proxy: start it again for the next one.
/// </summary>
internal sealed class ControlPlane : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly TimeProvider _time;
    private IHost? _host;

    public ControlPlane(TimeProvider? time = null)
    {
        _time = time ?? TimeProvider.System;
        Directory.CreateDirectory(StatePath);
        foreach (var slot in SlotNameExtensions.All)
        {
            var app = this[slot];
            Units[slot].Log.Add($"log of {slot.ToKey()}");
            Units[slot].OnStart = async (unit, _) =>
            {
                await app.ListenAsync();
                return unit.Runs();
            };
            Units[slot].OnStop = async (unit, _) =>
            {
                await app.CloseAsync();
                return unit.Ends();
            };
        }

        Options.Slots.Blue = new() { Address = this[SlotName.Blue].Address, Unit = Units.UnitOf(SlotName.Blue) };
        Options.Slots.Green = new() { Address = this[SlotName.Green].Address, Unit = Units.UnitOf(SlotName.Green) };
        Options.State.Directory = StatePath;
        Options.Health.Path = "/healthz";
        Options.Switch.DrainTimeout = TimeSpan.FromSeconds(20);
        Options.Switch.Observe = TimeSpan.Zero;
    }

    public EdgeProxyOptions Options { get; } = new();

    public FakeUnits Units { get; } = new();

    /// <summary>Adds what stands on the control plane, such as the admin API.</summary>
    public Action<IServiceCollection>? ConfigureServices { get; set; }

    /// <summary>Replaces services of the app itself.</summary>
    public Action<IServiceCollection>? ConfigureAppServices { get; set; }

    public string StatePath => _directory["state"];

    public SlotApp Blue => field ??= new(_directory["blue.sock"]);

    public SlotApp Green => field ??= new(_directory["green.sock"]);

    public SwitchCoordinator Switches => Get<SwitchCoordinator>();

    public SlotPair Slots => Get<SlotPair>();

    /// <summary>The host has started; the units may still be brought in line.</summary>
    public bool IsRunning => Volatile.Read(ref _host) is not null;

    public SlotApp this[SlotName slot] => slot == SlotName.Blue ? Blue : Green;

    /// <summary>A service of the app, or of the process.</summary>
    public T Get<T>()
        where T : notnull => _host!.Services.GetRequiredService<AppRegistry>().Only!.Services.GetService<T>() ?? _host.Services.GetRequiredService<T>();

    public string StateFile(string name) => Path.Combine(StatePath, name);

    /// <summary>A process begins, and has brought the units in line.</summary>
    public async Task<ControlPlane> StartAsync()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["AllowedHosts"] = "*;api.example.com" });
        builder.Services
            .AddSingleton(_time)
            .AddSingleton<EventHub>()
            .AddMetricsExport()
            .AddProxiedApps(EdgeProxyServer.ProxiedAppsOf(Options))
            .AddState(Options.State)
            .AddFleet(Options.Fleet)
            .AddApps([.. Options.AllApps().Select(app => (app.Options, Options.HostsOf(app.Identity, app.Options)))], Options.Units, Options.Tls)
            .AddSingleton<ConfigureApp>((_, services) =>
            {
                services.AddSingleton<IUnitManager>(Units);
                ConfigureAppServices?.Invoke(services);
            });
        ConfigureServices?.Invoke(builder.Services);
        var host = builder.Build();
        try
        {
            await host.StartAsync(TestContext.Current.CancellationToken);
        }
        catch
        {
            host.Dispose(); // one that has not started cannot be stopped
            throw;
        }

        _host = host;
        await Get<Reconciliation>().Finished.Within(TimeSpan.FromMinutes(1));
        return this;
    }

    /// <summary>The process ends as by SIGTERM.</summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _host, null) is { } host)
        {
            await host.StopAsync();
            host.Dispose();
        }
    }

    /// <summary>Runs a switch to its end.</summary>
    public async Task<Switch> SwitchAsync(SwitchRequest? request = null)
    {
        var start = await Switches.BeginAsync(request ?? new(), TestContext.Current.CancellationToken);
        return await Assert.IsType<SwitchStart.Started>(start).Completion.Within(TimeSpan.FromMinutes(1));
    }

    /// <summary>What the file says now, read as a new process would.</summary>
    public ActiveSlot? ReadActive()
    {
        var path = StateFile(ActiveSlotFile.FileName);
        return System.Text.Json.JsonSerializer.Deserialize(File.ReadAllBytes(path), SwitchingJson.Default.ActiveSlot);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await Blue.DisposeAsync();
        await Green.DisposeAsync();
        _directory.Dispose();
    }
}
