using EdgeProxy.Clients;

namespace EdgeProxy.Tls.Local;

/// <summary>The names that the local authority signs for.</summary>
internal static class LocalNames
{
    private const string Localhost = "localhost";

    /// <summary><c>localhost</c> and the hosts of <c>AllowedHosts</c>, wildcards and addresses too; not those whose certificates come from an ACME
    /// authority.</summary>
    /// <param name="tls">With <see cref="TlsOptions.Internal"/>.</param>
    /// <param name="allowedHosts">ASP.NET Core's setting: host names with <c>;</c> between them; null: not set.</param>
    /// <param name="hosts">Of sites; null: none.</param>
    /// <param name="without">Hosts that are served in clear text alone; null: none.</param>
    /// <returns>In ASCII and in order; none where the feature is off.</returns>
    public static IReadOnlyList<string> Of(TlsOptions tls, string? allowedHosts, IReadOnlyList<string>? hosts = null, IReadOnlyList<string>? without = null)
    {
        if (!tls.Internal)
        {
            return [];
        }

        var fromAuthority = (tls.Acme.Domains ?? []).Select(domain => DomainName.TryNormalize(domain, out var ascii) ? ascii : domain);
        return
        [
            .. (allowedHosts ?? "").Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Concat(hosts ?? [])
                .Select(Normalize)
                .OfType<string>()
                .Except((without ?? []).Select(Normalize).OfType<string>())
                .Append(Localhost)
                .Distinct(StringComparer.Ordinal)
                .Except(fromAuthority)
                .Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>Whether a certificate can be made for a host of the settings.</summary>
    public static bool Has(string host) => Normalize(host) is not null;

    /// <returns>A name, also of one label, or an address without brackets. Null: neither, or any.</returns>
    private static string? Normalize(string host)
    {
        if (HostHeader.TryParseAddress(host, out var address))
        {
            return address.ToString();
        }

        var wildcard = host.StartsWith("*.", StringComparison.Ordinal) ? "*." : "";
        return DomainName.ToAscii(host[wildcard.Length..])?.ToLowerInvariant() is { } ascii && ascii.Split('.').All(label => DomainName.IsLabel(label))
            ? wildcard + ascii : null;
    }
}
