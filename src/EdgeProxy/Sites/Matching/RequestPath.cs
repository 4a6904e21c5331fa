using System.Buffers;
using System.Text;
using EdgeProxy.Proxying;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Sites.Matching;

/// <summary>The path of a request in the one form that patterns are compared with, whatever a client has made of it.</summary>
/// <remarks>
/// Not <see cref="HttpRequest.Path"/>, in which an encoded slash stays encoded: the app decodes it, so that <c>/admin%2Fusers</c> would pass by a route for
/// <c>/admin/*</c>. As Caddy has it, everything is decoded once, doubled slashes count as one, and dots and blanks at the end do not count. Dot segments never
/// come this far (<see cref="RequestValidation"/>). Nothing is allocated for a path that is shorter than <see cref="OnStack"/>.
/// </remarks>
internal readonly ref struct RequestPath
{
    /// <summary>Room for a path on the caller's stack, in characters: twice, and once in bytes.</summary>
    public const int OnStack = 512;

    private RequestPath(ReadOnlySpan<char> decoded, ReadOnlySpan<char> whole)
    {
        Decoded = decoded.TrimEnd(IgnoredAtEnd);
        Whole = whole;
        Merged = whole.TrimEnd(IgnoredAtEnd);
    }

    private const string IgnoredAtEnd = ". ";

    /// <summary>Decoded, with single slashes, and with its end as it came: for regular expressions.</summary>
    public ReadOnlySpan<char> Whole { get; }

    /// <summary>Decoded, with its slashes as they came.</summary>
    public ReadOnlySpan<char> Decoded { get; }

    /// <summary>Decoded, with single slashes.</summary>
    public ReadOnlySpan<char> Merged { get; }

    /// <summary>The path as it came, without the query.</summary>
    public static ReadOnlySpan<char> Of(ReadOnlySpan<char> target)
    {
        var query = target.IndexOf('?');
        return query < 0 ? target : target[..query];
    }

    /// <summary>The target of a request that was validated: its path and query as they came.</summary>
    public static string TargetOf(HttpContext context) =>
        RequestTarget.PathAndQuery(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget) ?? "/"; // null only for OPTIONS *

    /// <summary>Whether a path is to be decoded or merged, and needs room for that.</summary>
    public static bool NeedsRoom(ReadOnlySpan<char> path) => path.Contains('%') || path.Contains("//", StringComparison.Ordinal);

    /// <param name="path">As it came.</param>
    /// <param name="room">At least twice its length, or nothing where it does not <see cref="NeedsRoom"/>.</param>
    public static RequestPath Read(ReadOnlySpan<char> path, Span<char> room)
    {
        if (!NeedsRoom(path))
        {
            return new RequestPath(path, path);
        }

        var decoded = room[..Decode(path, room)];
        if (!decoded.Contains("//", StringComparison.Ordinal))
        {
            return new RequestPath(decoded, decoded);
        }

        var merged = room[decoded.Length..];
        var count = 0;
        foreach (var character in decoded)
        {
            if (character != '/' || count == 0 || merged[count - 1] != '/')
            {
                merged[count++] = character;
            }
        }

        return new RequestPath(decoded, merged[..count]);
    }

    /// <summary>The decoded path as a text, for placeholders.</summary>
    public static string Decode(ReadOnlySpan<char> path)
    {
        if (!path.Contains('%'))
        {
            return path.ToString();
        }

        var decoded = new char[path.Length];
        return new string(decoded, 0, Decode(path, decoded));
    }

    /// <summary>Percent-decoding as UTF-8, once; what is no UTF-8 becomes U+FFFD, and what is no escape stays.</summary>
    private static int Decode(ReadOnlySpan<char> path, Span<char> decoded)
    {
        var rented = path.Length > OnStack ? ArrayPool<byte>.Shared.Rent(path.Length) : null;
        Span<byte> bytes = rented ?? stackalloc byte[OnStack];
        var count = 0;
        for (var i = 0; i < path.Length; i++)
        {
            if (path[i] == '%' && i + 2 < path.Length && char.IsAsciiHexDigit(path[i + 1]) && char.IsAsciiHexDigit(path[i + 2]))
            {
                bytes[count++] = (byte)((HexDigit(path[i + 1]) << 4) | HexDigit(path[i + 2]));
                i += 2;
            }
            else
            {
                bytes[count++] = (byte)path[i];
            }
        }

        var length = Characters(bytes[..count], decoded);
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }

        return length;
    }

    /// <summary>Each byte that is not of UTF-8 becomes one U+FFFD, as in Go: .NET makes one of several, and a <c>.</c> or <c>?</c> would take them
    /// all.</summary>
    private static int Characters(ReadOnlySpan<byte> bytes, Span<char> characters)
    {
        var length = 0;
        while (!bytes.IsEmpty)
        {
            var status = Rune.DecodeFromUtf8(bytes, out var rune, out var consumed);
            length += rune.EncodeToUtf16(characters[length..]);
            bytes = bytes[(status == OperationStatus.Done ? consumed : 1)..];
        }

        return length;
    }

    private static int HexDigit(char digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
