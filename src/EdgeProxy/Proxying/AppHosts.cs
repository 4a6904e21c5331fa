using System.Collections.Frozen;
using System.Net;
using System.Text.RegularExpressions;

namespace EdgeProxy.Proxying;

/// <summary>Finds the app of a host: the name itself, else the nearest <c>*.</c> above it, else <c>*</c>.</summary>
internal sealed class AppHosts<T>
    where T : class
{
    private readonly FrozenDictionary<string, T>.AlternateLookup<ReadOnlySpan<char>> _names;

    /// <summary><c>.example.com</c> for <c>*.example.com</c>.</summary>
    private readonly FrozenDictionary<string, T>.AlternateLookup<ReadOnlySpan<char>> _below;

    private readonly T? _any;

    /// <param name="hosts">Checked settings: each host once.</param>
    public AppHosts(IEnumerable<(string Host, T App)> hosts)
    {
        var all = hosts.ToList();
        _names = Lookup(all.Where(host => !host.Host.StartsWith('*')), skip: 0);
        _below = Lookup(all.Where(host => host.Host.StartsWith("*.", StringComparison.Ordinal)), skip: 1);
        _any = all.Find(host => host.Host == AppHosts.Any).App;
    }

    /// <param name="host">As the header says it, with or without a port. Null or empty: there is none.</param>
    /// <returns>Null: no app has it.</returns>
    public T? Find(string? host)
    {
        var name = AppHosts.WithoutPort(host);
        if (name.Length > AppHosts.LongestHost)
        {
            return _any; // no name is longer (RFC 1035 section 2.3.4), and each of its labels would cost a look
        }

        if (_names.TryGetValue(name, out var app))
        {
            return app;
        }

        for (var dot = name.IndexOf('.'); dot >= 0; dot = name.IndexOf('.'))
        {
            if (_below.TryGetValue(name[dot..], out app))
            {
                return app;
            }

            name = name[(dot + 1)..];
        }

        return _any;
    }

    private static FrozenDictionary<string, T>.AlternateLookup<ReadOnlySpan<char>> Lookup(IEnumerable<(string Host, T App)> hosts, int skip) => hosts
        .ToFrozenDictionary(host => host.Host[skip..], host => host.App, StringComparer.OrdinalIgnoreCase)
        .GetAlternateLookup<ReadOnlySpan<char>>();
}

internal static partial class AppHosts
{
    /// <summary>What <see cref="IsValid"/> accepts, for messages.</summary>
    public const string Allowed = "a host name such as shop.example.com (in its xn-- form where it is not ASCII), an IP address, *.example.com, or *; no port";

    /// <summary>Every host that no app names.</summary>
    public const string Any = "*";

    /// <summary>RFC 1035 section 2.3.4, as text.</summary>
    public const int LongestHost = 253;

    /// <summary>Whether a text names a host, all hosts below one, or every host.</summary>
    public static bool IsValid(string host) =>
        host == Any
        || (IPAddress.TryParse(host.Trim('[', ']'), out _) && host.Contains(':', StringComparison.Ordinal) == host.StartsWith('['))
        || (host.Length <= LongestHost && HostName().IsMatch(host));

    /// <summary>The host that a request asks for, without its port: as clients and settings write it. <see cref="HttpRequest.Host"/> would have
    /// <c>xn--bcher-kva.example</c> decoded, which no settings name.</summary>
    public static ReadOnlySpan<char> Of(HttpRequest request) => WithoutPort(request.Headers.Host.ToString());

    /// <summary>The host of a <c>Host</c> header that was validated: <c>[::1]:8080</c> is <c>[::1]</c>.</summary>
    public static ReadOnlySpan<char> WithoutPort(ReadOnlySpan<char> host)
    {
        var end = host.StartsWith('[') ? host.IndexOf(']') : -1;
        var colon = host[(end + 1)..].IndexOf(':');
        return colon < 0 ? host : host[..(end + 1 + colon)];
    }

    [GeneratedRegex(@"^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\z")]
    private static partial Regex HostName();
}
