using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace EdgeProxy.Diagnostics.Metrics;

/// <summary>The instruments of one feature. Made when the host starts, so that a number that is still 0 is there to be seen.</summary>
internal abstract class InstrumentSet;

/// <summary>Metrics, in the words of OpenTelemetry; <c>GET /metrics</c> has them in those of Prometheus.</summary>
internal static class MetricsFeature
{
    private const string Name = "EdgeProxy";
    private const string Runtime = "System.Runtime";

    /// <summary>Series of an instrument; what comes beyond is counted together, as <c>otel_metric_overflow="true"</c>.</summary>
    /// <remarks>
    /// The SDK makes room for all of them when the instrument is made, for 2,000 unless it is told otherwise: with forty instruments that was
    /// a seventh of the cold start, and a collection in the middle of it.
    /// </remarks>
    private const int Series = 64;

    /// <summary>The same, of an instrument with a label of many values: status codes, names of certificates and routes.</summary>
    private const int ManySeries = 1000;

    /// <summary>What an operator looks at of the runtime's own.</summary>
    private static readonly HashSet<string> _ofRuntime =
    [
        "dotnet.process.memory.working_set",
        "dotnet.process.cpu.time",
        "dotnet.gc.collections",
        "dotnet.gc.pause.time",
        "dotnet.gc.heap.total_allocated",
        "dotnet.gc.last_collection.heap.size",
        "dotnet.exceptions",
    ];

    /// <param name="apps">How many there are: each has series of its own.</param>
    public static IServiceCollection AddMetricsExport(this IServiceCollection services, int apps = 1)
    {
        services.AddSingleton(_ => new Meter(Name, ProductVersion.Text));
        services.AddSingleton(provider => Build(
            provider.GetRequiredService<Meter>(), apps, [.. provider.GetServices<LargeInstrument>().Select(large => large.Name)]));
        services.AddHostedService<Startup>();
        return services;
    }

    /// <summary>Adds the instruments of a feature, on the meter of all.</summary>
    /// <param name="services">Of the process.</param>
    /// <param name="withManySeries">The names of those that have a label of many values.</param>
    public static IServiceCollection AddInstruments<[
        DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] T>(
        this IServiceCollection services, params ReadOnlySpan<string> withManySeries)
        where T : InstrumentSet
    {
        services.AddSingleton<T>();
        services.AddSingleton<InstrumentSet>(provider => provider.GetRequiredService<T>());
        return services.AddManySeries(withManySeries);
    }

    /// <summary>Makes room for many series of the instruments of these names.</summary>
    public static IServiceCollection AddManySeries(this IServiceCollection services, params ReadOnlySpan<string> instruments)
    {
        foreach (var name in instruments)
        {
            services.AddSingleton(new LargeInstrument(name));
        }

        return services;
    }

    private static MeterProvider Build(Meter meter, int apps, HashSet<string> large) => Sdk.CreateMeterProviderBuilder()
        .AddMeter(Name)
        .AddMeter(Runtime)
        // Meters are found by name, also another proxy's in this process.
        .AddView(instrument => (instrument.Meter.Name == Runtime ? _ofRuntime.Contains(instrument.Name) : instrument.Meter == meter)
            ? new MetricStreamConfiguration { CardinalityLimit = (large.Contains(instrument.Name) ? ManySeries : Series) * apps }
            : MetricStreamConfiguration.Drop)
        .ConfigureResource(resource => resource.Clear().AddService("edgeproxy", serviceVersion: ProductVersion.Text, autoGenerateServiceInstanceId: false))
        .AddPrometheusExporter(prometheus => prometheus.ScopeInfoEnabled = false)
        .Build();

    private sealed record LargeInstrument(string Name);

    /// <summary>Makes everything that is to be counted with, before anything happens that counts.</summary>
    private sealed class Startup(MeterProvider provider, IEnumerable<InstrumentSet> instruments) : IHostedService
    {
        private readonly object[] _alive = [provider, .. instruments];

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken)
        {
            GC.KeepAlive(_alive);
            return Task.CompletedTask;
        }
    }
}
