using EdgeProxy.Diagnostics;
using EdgeProxy.Proxying;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Companions;
using EdgeProxy.Switching.Progressive;
using EdgeProxy.Tls;
using EdgeProxy.Units;

namespace EdgeProxy.Apps;

/// <summary>The last word on the services of an app, for tests.</summary>
/// <param name="app">Its name.</param>
/// <param name="services">Its services.</param>
internal delegate void ConfigureApp(string app, IServiceCollection services);

/// <summary>Puts an app together: the same services for each, over its own settings, state and slots.</summary>
internal sealed class AppFactory(
    IReadOnlyList<(AppOptions Options, IReadOnlyList<string> Hosts)> options,
    UnitsOptions units,
    TlsOptions tls,
    StateDirectory state,
    IConfiguration configuration,
    EventHub events,
    SwitchingInstruments instruments,
    TimeProvider time,
    IEnumerable<ConfigureApp> configure,
    IEnumerable<IOperatorNotice> notices,
    IEnumerable<IFormerRequests> former,
    IEnumerable<IAppPart> parts)
{
    public App Create(ProxiedApp app)
    {
        var (settings, hosts) = options[app.Identity.Index];
        var services = new ServiceCollection();

        // Of the process. Instances: the container of an app disposes none of them.
        services.AddSingleton(time);
        services.AddSingleton(instruments);
        services.AddSingleton(events.Of(app.Name));
        services.AddSingleton(notices.FirstOrDefault() ?? new NoNotice());
        services.AddSingleton(former.FirstOrDefault() ?? new NoFormerRequests());
        services.AddSingleton(app.Loggers);
        services.AddSingleton(typeof(ILogger<>), typeof(Logger<>));

        // Of its data plane.
        services.AddSingleton(app.Slots);
        services.AddSingleton(app.Connections);
        services.AddSingleton(app.Gate);

        // Its own.
        AddState(services, app);
        services.AddUnits(settings.Slots, OptionsOf(settings, settings.Units.Process.Command));
        services.AddCompanions(settings.Companions, settings.Slots);
        services.AddSingleton<CreateCompanionUnits>(provider => (name, slots, command) => UnitsFeature.Create(
            provider, provider.GetRequiredService<StateDirectory>().OpenFolder($"companions/{name}"), slots, OptionsOf(settings, command)));
        foreach (var part in parts)
        {
            part.AddTo(services, settings);
        }

        services.AddSwitching(
            settings.InitialSlot, settings.Health, settings.Switch, ProbeHost.Resolve(settings.Health, hosts, tls, configuration["AllowedHosts"]),
            PreviewSite.UrlOf(settings.Health, hosts, tls, configuration["AllowedHosts"]));
        foreach (var last in configure)
        {
            last(app.Name, services);
        }

        var made = new App(app, services.BuildServiceProvider());
        foreach (var part in parts)
        {
            part.OnMade(made.Services);
        }

        return made;
    }

    private UnitsOptions OptionsOf(AppOptions settings, string? command)
    {
        var process = settings.Units.Process;
        return new UnitsOptions
        {
            Manager = units.Manager,
            Bus = units.Bus,
            Process = new ProcessUnitsOptions
            {
                Command = command,
                WorkingDirectory = process.WorkingDirectory,
                Environment = process.Environment,
                StopTimeout = process.StopTimeout,
            },
        };
    }

    /// <summary>The app whose settings may stand at the top level has its state there, too, as it always had.</summary>
    private void AddState(IServiceCollection services, ProxiedApp app)
    {
        if (app.Name == Slots.AppIdentity.TopLevel.Name)
        {
            services.AddSingleton(state);
        }
        else
        {
            services.AddSingleton(_ => state.OpenFolder($"apps/{app.Name}"));
        }
    }
}
