using EdgeProxy.Tls;

namespace EdgeProxy.Switching;

/// <summary>Which <c>Host</c> a probe sends.</summary>
internal static class ProbeHost
{
    /// <summary>
    /// <c>Health:Host</c>, else the first of the app's own hosts without <c>*</c>, else the first ACME domain, else the first entry of <c>AllowedHosts</c>
    /// without <c>*</c>. Null: the slot's own address, as
    /// nothing says by what name the site is known.
    /// </summary>
    /// <param name="health">The settings of the probe.</param>
    /// <param name="hosts">Of the app; null: none is set.</param>
    /// <param name="tls">The settings that name the ACME domains.</param>
    /// <param name="allowedHosts">ASP.NET Core's setting: host names with <c>;</c> between them; null: not set.</param>
    public static string? Resolve(HealthOptions health, IEnumerable<string>? hosts, TlsOptions tls, string? allowedHosts) =>
        health.Host
        ?? hosts?.FirstOrDefault(host => !host.Contains('*', StringComparison.Ordinal))
        ?? tls.Acme.Domains?.FirstOrDefault()
        ?? allowedHosts?
            .Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .FirstOrDefault(host => !host.Contains('*', StringComparison.Ordinal));
}
