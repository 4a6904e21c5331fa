using EdgeProxy.Compression;
using EdgeProxy.Diagnostics.Metrics;

namespace EdgeProxy.StaticFiles;

/// <summary>Paths that are served from disk.</summary>
internal static class StaticFilesFeature
{
    /// <param name="paths"><c>StaticFiles</c>; null or empty: none.</param>
    /// <param name="cacheSize">Bytes of memory for what is kept.</param>
    public static IServiceCollection AddStaticFiles(this IServiceCollection services, IReadOnlyList<StaticFilesOptions>? paths, long cacheSize)
    {
        services.AddSingleton<IReadOnlyList<StaticMount>>([.. (paths ?? []).Select(path => new StaticMount(path))]);
        services.AddSingleton(
            provider => new StaticFileCache(cacheSize, provider.GetRequiredService<CompressionPolicy>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<FileLookup>();
        services.AddSingleton<EncodedVariants>();
        services.AddSingleton<StaticFileResponder>();
        services.AddSingleton<BackgroundRecompression>();
        services.AddHostedService(provider => provider.GetRequiredService<BackgroundRecompression>());
        services.AddInstruments<StaticFilesMetrics>();
        return services;
    }

    /// <summary>Before proxying; absent where nothing is served from disk.</summary>
    public static void UseStaticPaths(this IApplicationBuilder app)
    {
        if (app.ApplicationServices.GetRequiredService<IReadOnlyList<StaticMount>>() is { Count: > 0 } mounts)
        {
            app.UseMiddleware<StaticFilesMiddleware>(mounts);
        }
    }
}
