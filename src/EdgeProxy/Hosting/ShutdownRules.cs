using EdgeProxy.Configuration;

namespace EdgeProxy.Hosting;

/// <summary><c>Shutdown</c>.</summary>
internal static class ShutdownRules
{
    public static void Check(SettingsScope at, ShutdownOptions shutdown)
    {
        at.Range(nameof(shutdown.DrainTimeout), shutdown.DrainTimeout, TimeSpan.Zero, TimeSpan.FromHours(1));
        at.Range(nameof(shutdown.HandoverTimeout), shutdown.HandoverTimeout, TimeSpan.Zero, TimeSpan.FromDays(7));
    }
}
