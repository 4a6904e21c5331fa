using System.Buffers;

namespace EdgeProxy.Diagnostics.AccessLogging;

/// <summary>Takes the values out of a query, except those of named parameters.</summary>
/// <remarks>
/// A list of what may be seen, not of what may not: nobody keeps a list of all names under which apps and libraries send tokens. Names are compared
/// as they stand in the URL, so that another spelling of one (<c>pa%67e</c>) is not taken for it. A part without a name is a value.
/// </remarks>
/// <param name="shown">Parameters whose values stay.</param>
internal sealed class QueryRedaction(IReadOnlyCollection<string> shown)
{
    private const string Redacted = "REDACTED"; // Caddy's word

    private static readonly SearchValues<char> _separators = SearchValues.Create("&;");

    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _shown = new HashSet<string>(shown, StringComparer.Ordinal)
        .GetAlternateLookup<ReadOnlySpan<char>>();

    /// <param name="url">A path or a URL, with or without a query.</param>
    /// <param name="room">Is emptied; holds the result where it differs.</param>
    /// <returns>Valid until <paramref name="room"/> is used again.</returns>
    public ReadOnlySpan<char> Redact(ReadOnlySpan<char> url, ArrayBufferWriter<char> room)
    {
        var start = url.IndexOf('?') + 1;
        if (start == 0 || start == url.Length)
        {
            return url;
        }

        room.ResetWrittenCount();
        room.Write(url[..start]);
        var query = url[start..];
        while (true)
        {
            var end = query.IndexOfAny(_separators);
            WritePart(end < 0 ? query : query[..end], room);
            if (end < 0)
            {
                return room.WrittenSpan;
            }

            room.Write(query.Slice(end, 1));
            query = query[(end + 1)..];
        }
    }

    private void WritePart(ReadOnlySpan<char> part, ArrayBufferWriter<char> room)
    {
        var name = part.IndexOf('=');
        if (part.IsEmpty || name == part.Length - 1 || (name > 0 && _shown.Contains(part[..name])))
        {
            room.Write(part);
            return;
        }

        room.Write(part[..(name + 1)]);
        room.Write(Redacted);
    }
}
