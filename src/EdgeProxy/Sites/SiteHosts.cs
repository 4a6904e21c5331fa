using EdgeProxy.Proxying;

namespace EdgeProxy.Sites;

/// <summary>Hosts of sites: names, <c>*.example.com</c> for one label in place of the star as in certificates, and <c>*</c>.</summary>
internal static class SiteHosts
{
    /// <param name="pattern">Valid.</param>
    /// <param name="host">Without a port.</param>
    public static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> host) => pattern switch
    {
        AppHosts.Any => true,
        ['*', .. var below] => host.IndexOf('.') is > 0 and var dot && host[dot..].Equals(below, StringComparison.OrdinalIgnoreCase),
        _ => host.Equals(pattern, StringComparison.OrdinalIgnoreCase),
    };

    /// <summary>Whether a pattern matches whatever another one does.</summary>
    public static bool Covers(string pattern, string other) =>
        pattern == AppHosts.Any || pattern.Equals(other, StringComparison.OrdinalIgnoreCase) || (!other.StartsWith('*') && Matches(pattern, other));

    /// <summary>Whether no host matches both.</summary>
    public static bool AreDisjoint(string one, string other) => one != AppHosts.Any && other != AppHosts.Any
        && (one.StartsWith('*') == other.StartsWith('*') ? !one.Equals(other, StringComparison.OrdinalIgnoreCase)
            : one.StartsWith('*') ? !Matches(one, other) : !Matches(other, one));
}
