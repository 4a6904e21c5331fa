using EdgeProxy.Admin;
using EdgeProxy.Admin.Dashboard;
using EdgeProxy.Apps;
using EdgeProxy.Clients;
using EdgeProxy.Common;
using EdgeProxy.Compression;
using EdgeProxy.Configuration;
using EdgeProxy.Diagnostics;
using EdgeProxy.Diagnostics.Journal;
using EdgeProxy.Fleet;
using EdgeProxy.Handover;
using EdgeProxy.Hosting;
using EdgeProxy.Notify;
using EdgeProxy.Platform;
using EdgeProxy.Proxying;
using EdgeProxy.Settings;
using EdgeProxy.Sites;
using EdgeProxy.Sites.Forwarding;
using EdgeProxy.State;
using EdgeProxy.StaticFiles;
using EdgeProxy.Switching;
using EdgeProxy.Tls;
using EdgeProxy.Tls.Acme;
using EdgeProxy.Tls.Local;

namespace EdgeProxy;

/// <summary>The composition root: services by feature, then the public pipeline in the order in which a request passes it.</summary>
internal static class EdgeProxyServer
{
    /// <summary>Puts the server together; nothing listens and nothing is started yet.</summary>
    /// <param name="configuration">The whole settings, checked.</param>
    /// <param name="options">Their <c>EdgeProxy</c> section.</param>
    /// <param name="configure">The last word, for tests and the demo.</param>
    public static WebApplication Build(IConfiguration configuration, EdgeProxyOptions options, Action<WebApplicationBuilder>? configure = null) =>
        Build(configuration, options, services => services.AddState(options.State), configure);

    /// <summary>Serves until SIGTERM, SIGINT or <paramref name="cancellationToken"/>.</summary>
    /// <returns>The exit code: 0; 2 where an address cannot be had; 4 where another process uses the state directory.</returns>
    internal static async Task<int> RunAsync(
        RunningSettings settings, EdgeProxyOptions options, Arrival? arrival, TextWriter error, CancellationToken cancellationToken)
    {
        DescriptorLimit.Raise();
        FileSizeLimit.LetWritesFail();
        var hasStarted = false;
        var sockets = new ListeningSockets(arrival?.Sockets ?? ListeningSockets.OfSystemd(), areShared: arrival is not null);
        try
        {
            // Before anything is put together: a second instance touches nothing and says one line.
            using var state = arrival?.OpenState(options.State.Directory) ?? StateDirectory.Open(options.State.Directory);
            await using var app = Build(settings.Loaded.Configuration, options, services => services.AddState(state), builder =>
            {
                builder.Services.AddReload(settings);
                builder.Services.AddSingleton(sockets);
                builder.Services.AddHandover(settings, options.Shutdown, arrival, PartsOfTheNewest);
                if (arrival is not null)
                {
                    builder.Services.AddHostedService<CertificateWait>(); // the last before the server listens
                }

                builder.Logging.UseJournal();
                builder.Logging.QuietUntil(() => hasStarted && !sockets.AreShared); // parts of it are stopped before the host is
            });
            await StartAsync(app, cancellationToken);
            if (arrival is not null)
            {
                await arrival.TakeOverAsync(app.Services, cancellationToken);
            }

            hasStarted = true;
            using var socketThreads = SocketThreads.Watch(TimeProvider.System);
            await app.WaitForShutdownAsync(cancellationToken);
            await app.Services.GetRequiredService<ReplacedProcess>().StayAsync();
            return ExitCode.Done;
        }
        catch (StateDirectoryInUseException inUse)
        {
            return await FailAsync(ExitCode.Refused, inUse.Message);
        }
        catch (Exception failure) when (!hasStarted && ListenFailure.Explain(failure, isReplacement: arrival is not null) is { } why)
        {
            return await FailAsync(ExitCode.Usage, why);
        }
        catch (OperationCanceledException) when (!hasStarted)
        {
            return ExitCode.Done; // told to stop before it served
        }

        async Task<int> FailAsync(int code, string why)
        {
            await error.WriteLineAsync($"edgeproxy: {why}");
            await (arrival?.FailAsync(why) ?? Task.CompletedTask);
            return code;
        }
    }

    /// <summary>What a process that was replaced leaves to the new one.</summary>
    private static IEnumerable<IHostedService> PartsOfTheNewest(IServiceProvider services) => services.GetServices<IHostedService>().Where(
        part => part is AdminServer or AppHost or NotifyService or CertificateWatch or CertificateManager or LocalCertificates or CertificateFiles);

    private static WebApplication Build(
        IConfiguration configuration, EdgeProxyOptions options, Action<IServiceCollection> addState, Action<WebApplicationBuilder>? configure) =>
        BuildDataPlane(configuration, options, builder =>
        {
            addState(builder.Services);
            AddControlPlane(builder.Services, options);
            configure?.Invoke(builder);
        });

    /// <summary>A start that fails is undone in order: otherwise what has started already would be torn down in the middle of its work.</summary>
    private static async Task StartAsync(WebApplication app, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch
        {
            await app.StopAsync(CancellationToken.None);
            throw;
        }
    }

    /// <summary>The public side alone: the caller brings an <see cref="IOutageAdvisor"/>.</summary>
    internal static WebApplication BuildDataPlane(IConfiguration configuration, EdgeProxyOptions options, Action<WebApplicationBuilder> configure)
    {
        // Empty: the builders with defaults read a settings file and the environment for themselves, and watch the file on a thread of its own.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        UseSettings(builder, configuration);
        builder.Services.AddSingleton(TimeProvider.System);
        AddDataPlane(builder, options);
        configure(builder);

        var app = builder.Build();
        UsePublicPipeline(app);
        return app;
    }

    /// <summary>What a request meets. It knows nothing of units and switches.</summary>
    private static void AddDataPlane(WebApplicationBuilder builder, EdgeProxyOptions options)
    {
        options.AddDomainsOfSites();
        var apps = ProxiedAppsOf(options);
        // What one app takes is more than another's: AppRouter lowers it.
        var maxRequestBodySize = apps.All(app => app.Upstream.MaxRequestBodySize is not null) ? apps.Max(app => app.Upstream.MaxRequestBodySize) : null;
        builder.AddHosting(maxRequestBodySize, options.Shutdown);
        builder.Services.AddDiagnostics(options.AccessLog, [.. apps.Select(app => app.Identity)], hasSites: options.Sites is { Length: > 0 });
        builder.Services.AddClients(options.TrustedProxies);
        builder.Services.AddTls(options.Tls);
        builder.Services.AddCompression(options.Compression);
        builder.Services.AddStaticFiles(options.StaticFiles, ByteSize.Parse(options.Compression.CacheSize));
        builder.Services.AddProxying(
            builder.Configuration,
            apps,
            new DirectoryInfo(Path.Combine(options.State.Directory, "affinity-keys")),
            SiteClusters.Routes(options.Sites ?? []),
            SiteClusters.Clusters(options.Sites ?? []));
        builder.Services.AddSites(options.Sites);
    }

    /// <summary>What the settings say of each app, as far as its requests are concerned.</summary>
    internal static IReadOnlyList<ProxiedAppOptions> ProxiedAppsOf(EdgeProxyOptions options) => [.. options.AllApps().Select(app => new ProxiedAppOptions(
        app.Identity,
        app.Options.Hosts ?? [],
        app.Options.Slots,
        app.Options.InitialSlot,
        app.Options.Upstream,
        app.Options.Switch.StreamPaths ?? [],
        app.Options.RateLimits ?? [],
        app.Options.Switch.TestClients ?? [],
        // Where no path is set the front page may be the one, and is what maintenance is to turn away.
        app.Options.Health.Path is { } path ? [path] : [.. HealthOptions.UsualPaths.Where(usual => usual != "/")]))];

    /// <summary>What runs units and moves traffic.</summary>
    private static void AddControlPlane(IServiceCollection services, EdgeProxyOptions options)
    {
        var apps = options.AllApps();
        services.AddNotify(options.Notify);
        services.AddFleet(options.Fleet);
        services.AddApps([.. apps.Select(app => (app.Options, options.HostsOf(app.Identity, app.Options)))], options.Units, options.Tls);
        services.AddAcme(options.Tls.Acme);
        services.AddLocalAuthority(options.Tls, [.. SiteDomains.OfTls(options.Sites ?? [])], [.. SiteDomains.OfClearText(options.Sites ?? [])]);
        services.AddHandoverCalls();
        services.AddStatusParts(SiteViews.Of(options));
        services.AddAdmin(options.Admin);
        services.AddDashboard();
    }

    private static void UsePublicPipeline(WebApplication app)
    {
        app.UseNoAuthorization();
        app.UseConnectionCloseOnShutdown();
        app.UseRequestObserver();
        app.UseClientIdentification();
        app.UseHttp01Challenges();
        app.UseRequestValidation();
        app.UseFleetReadiness();
        app.UseHostFiltering();
        app.UseTls(SitesFeature.KeepsClearText(app.Services));
        app.UseCandidateVisits();
        app.UseSites();
        app.UseStaticPaths();
        app.UseRouting();
        app.MapProxying();
    }

    /// <summary>Our defaults of standard sections, and above them the one file and the environment, as they were checked.</summary>
    private static void UseSettings(WebApplicationBuilder builder, IConfiguration settings)
    {
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Logging:LogLevel:Default"] = "Information",
            ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning",
            // While it may log, hosting makes an Activity and a scope for each request; the access log has the line.
            ["Logging:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics"] = "None",
            ["Logging:LogLevel:Yarp"] = "Warning",
            // A failed try, with a stack trace each: the hold and the access log say it once.
            ["Logging:LogLevel:Yarp.ReverseProxy.Forwarder.HttpForwarder"] = "None",
        });
        builder.Configuration.AddConfiguration(settings);
    }
}
