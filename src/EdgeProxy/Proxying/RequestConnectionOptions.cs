using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Proxying;

/// <summary>
/// The options of <c>Connection</c>: names of headers that are meant for this connection only and that a proxy removes (RFC 9110 section 7.6.1).
/// YARP removes those that HTTP itself defines (<c>Connection</c>, <c>Keep-Alive</c>, <c>TE</c>, ...); here are the others.
/// </summary>
internal static class RequestConnectionOptions
{
    /// <summary>
    /// What a client must not remove in this way: the headers that say where the request goes and where it ends. What the proxy adds itself
    /// (<c>X-Forwarded-*</c>, <c>X-Request-ID</c>) is added behind this and cannot be reached.
    /// </summary>
    private static readonly FrozenSet<string> _kept = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "Host", "Content-Length", "Transfer-Encoding", "Content-Type", "Content-Encoding", "Connection", "Upgrade", "Keep-Alive");

    /// <summary>Adds the names of the headers that are to be removed.</summary>
    public static void AddNamed(StringValues connection, ref List<string>? names)
    {
        foreach (var value in connection)
        {
            if (!IsUsual(value))
            {
                AddNamed(value, ref names);
            }
        }
    }

    private static bool IsUsual(ReadOnlySpan<char> value) =>
        value.Equals("keep-alive", StringComparison.OrdinalIgnoreCase)
        || value.Equals("close", StringComparison.OrdinalIgnoreCase)
        || value.Equals("upgrade", StringComparison.OrdinalIgnoreCase);

    private static void AddNamed(ReadOnlySpan<char> list, ref List<string>? names)
    {
        foreach (var range in list.Split(','))
        {
            var option = list[range].Trim(" \t");
            if (!option.IsEmpty && !IsUsual(option) && !_kept.GetAlternateLookup<ReadOnlySpan<char>>().Contains(option))
            {
                (names ??= []).Add(option.ToString());
            }
        }
    }
}
