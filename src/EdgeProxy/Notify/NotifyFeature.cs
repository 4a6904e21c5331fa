using EdgeProxy.Diagnostics.Metrics;
using EdgeProxy.Processes;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Tls;

namespace EdgeProxy.Notify;

/// <summary>Messages to people and systems, where there are receivers.</summary>
internal static class NotifyFeature
{
    /// <summary>Needs <see cref="StateDirectory"/>, <see cref="CertificateStatusRegistry"/> and <see cref="TimeProvider"/>.</summary>
    public static IServiceCollection AddNotify(this IServiceCollection services, NotifyOptions options)
    {
        if (options.Receivers is not { Count: > 0 })
        {
            return services;
        }

        services.AddSingleton(options);
        services.AddInstruments<NotifyMetrics>();
        services.AddSingleton<NotifyQueue>();
        services.AddSingleton<CommandRunner>();
        services.AddSingleton<NotifyDelivery>();
        services.AddSingleton<Notifier>();
        services.AddSingleton<IOperatorNotice>(provider => provider.GetRequiredService<Notifier>());
        services.AddHostedService<NotifyService>();
        services.AddHostedService<CertificateWatch>();
        return services;
    }
}
