using EdgeProxy.Configuration;
using EdgeProxy.Diagnostics;
using EdgeProxy.Hosting;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;

namespace EdgeProxy;

/// <summary>The composition root: services by feature, then the public pipeline in the order in which a request passes it.</summary>
public static class EdgeProxyServer
{
    /// <summary>Puts the server together; nothing listens and nothing is started yet.</summary>
    /// <param name="configuration">The whole settings, checked.</param>
    /// <param name="options">Their <c>EdgeProxy</c> section.</param>
    /// <param name="configure">The last word, for tests and the demo.</param>
    public static WebApplication Build(IConfiguration configuration, EdgeProxyOptions options, Action<WebApplicationBuilder>? configure = null) =>
        BuildDataPlane(configuration, options, builder => configure?.Invoke(builder));

    /// <summary>The public side alone: whoever calls it brings an <see cref="IOutageAdvisor"/>.</summary>
    internal static WebApplication BuildDataPlane(IConfiguration configuration, EdgeProxyOptions options, Action<WebApplicationBuilder> configure)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
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
        builder.AddHosting(options.Upstream, options.Shutdown);
        builder.Services.AddDiagnostics(options.AccessLog);
        builder.Services.AddSingleton(new SlotPair(options.Slots, options.InitialSlot));
        builder.Services.AddSingleton(new LeaseClassifier(options.Switch.StreamPaths ?? []));
        builder.Services.AddProxying(builder.Configuration, options.Upstream, new TrustedProxies(options.TrustedProxies ?? []));
    }

    private static void UsePublicPipeline(WebApplication app)
    {
        app.UseFirstRequests();
        app.UseAccessLog();
        app.UseRequestHygiene();
        app.UseHostFiltering();
        app.UseRouting();
        app.MapProxying();
    }

    /// <summary>One file is read, never two merged: what the builder found beside the binary is dropped.</summary>
    private static void UseSettings(WebApplicationBuilder builder, IConfiguration settings)
    {
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Logging:LogLevel:Default"] = "Information",
            ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning",
            ["Logging:LogLevel:Yarp"] = "Warning",
            // A failed try, with a stack trace each: the hold and the access log say it once.
            ["Logging:LogLevel:Yarp.ReverseProxy.Forwarder.HttpForwarder"] = "None",
        });
        builder.Configuration.AddConfiguration(settings);
    }
}
