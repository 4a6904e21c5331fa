using System.Buffers;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>Reads the head of a response (RFC 9112 sections 4 to 6), and refuses what its client could read differently than the proxy does.</summary>
/// <remarks>
/// Strict where RFC 9112 lets a client be lenient: lines end with CR LF, no folded fields, no blank before a colon, no control characters, one
/// Content-Length or the Transfer-Encoding <c>chunked</c> or neither. No app server in use sends anything else.
/// </remarks>
internal static class ResponseHeadParser
{
    /// <summary>The largest head of a response, and the most that trailers may have.</summary>
    public const int MaxSize = 64 * 1024;

    private const int LongestVersion = 9; // "HTTP/1.1 "

    /// <summary>RFC 9110 section 5.5: what no value and no reason holds, CR and LF included. A tab may stand in it.</summary>
    private static readonly SearchValues<byte> _control = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Append(0x7F).Where(code => code != '\t').Select(code => (byte)code)]);

    /// <summary>RFC 9110 section 5.6.2.</summary>
    private static readonly SearchValues<byte> _token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    /// <summary>The length of the head with its blank line; 0: it is not there yet.</summary>
    /// <param name="received">From the first byte of the status line.</param>
    /// <param name="searched">How many of them were looked at in vain before. Brought up to date.</param>
    public static int FindEnd(ReadOnlySpan<byte> received, ref int searched)
    {
        var from = Math.Max(0, searched - 3);
        var at = received[from..].IndexOf("\r\n\r\n"u8);
        searched = received.Length;
        return at < 0 ? 0 : from + at + 4;
    }

    /// <summary>Whether what has come so far can become a response: one of another protocol never comes to its blank line.</summary>
    public static bool CanBegin(ReadOnlySpan<byte> received)
    {
        var begin = "HTTP/1."u8;
        return received.StartsWith(begin[..Math.Min(begin.Length, received.Length)]);
    }

    /// <summary>Whether a head whose end has not come is invalid already: lines that end with LF alone, say, never come to a blank one as it is looked
    /// for.</summary>
    /// <param name="received">From the first byte of the status line.</param>
    /// <param name="judged">How many bytes are of whole lines that were found to be valid. Brought up to date.</param>
    public static bool IsInvalidSoFar(ReadOnlySpan<byte> received, ref int judged)
    {
        while (true)
        {
            var rest = received[judged..];
            var end = rest.IndexOfAny(_control);
            if (end < 0 || (end + 1 == rest.Length && rest[end] == '\r'))
            {
                return false;
            }

            var isWhole = rest[end] == '\r' && rest[end + 1] == '\n';
            if (!isWhole || (judged == 0 ? ReadStatus(received) == 0 : !Split(rest[..end], out _, out _)))
            {
                return true;
            }

            judged += end + 2;
        }
    }

    /// <summary>The status; 0: the line is none.</summary>
    public static int ReadStatus(ReadOnlySpan<byte> head)
    {
        if (head.Length < LongestVersion + 5 || !CanBegin(head) || !char.IsAsciiDigit((char)head[7]) || head[8] != ' ')
        {
            return 0;
        }

        var code = head.Slice(LongestVersion, 3);
        if (code.ContainsAnyExceptInRange((byte)'0', (byte)'9') || code[0] == '0' || head[LongestVersion + 3] is not ((byte)' ' or (byte)'\r'))
        {
            return 0;
        }

        return ((code[0] - '0') * 100) + ((code[1] - '0') * 10) + (code[2] - '0');
    }

    /// <summary>Reads a whole head.</summary>
    /// <param name="head">Up to and with its blank line.</param>
    /// <param name="response">Gets reason and headers. Has a Content.</param>
    /// <param name="result">What the proxy needs of it.</param>
    /// <returns>What is wrong with it; null: nothing.</returns>
    public static string? Parse(ReadOnlySpan<byte> head, HttpResponseMessage response, ref ResponseHead result)
    {
        result.Status = ReadStatus(head);
        if (result.Status == 0 || NextLine(ref head) is not { IsEmpty: false } line)
        {
            return "Invalid status line.";
        }

        result.IsHttp10 = line[7] == '0';
        SetReason(response, result.Status, line[Math.Min(LongestVersion + 4, line.Length)..]);
        while (NextLine(ref head) is { IsEmpty: false } field)
        {
            if (AddField(field, response, ref result) is { } fault)
            {
                return fault;
            }
        }

        if (!head.IsEmpty)
        {
            return "A header holds a control character."; // where NextLine stopped
        }

        // RFC 9112 section 6.1: a peer of HTTP/1.0 does not know what it says there.
        return result.IsChunked && (result.Length >= 0 || result.IsHttp10)
            ? "A response has one Content-Length, or the Transfer-Encoding chunked (HTTP/1.1), or neither."
            : null;
    }

    /// <summary>Reads trailers.</summary>
    /// <param name="fields">Up to and with the blank line.</param>
    /// <param name="trailers">Gets them, without what may not stand in trailers (RFC 9110 section 6.5.1).</param>
    /// <returns>False: they are invalid.</returns>
    public static bool ParseTrailers(ReadOnlySpan<byte> fields, HttpResponseHeaders trailers)
    {
        while (NextLine(ref fields) is { IsEmpty: false } field)
        {
            if (!Split(field, out var name, out var value))
            {
                return false;
            }

            var known = ResponseHeaderName.Find(name);
            if (known is null or { Kind: ResponseHeaderKind.Ordinary })
            {
                trailers.TryAddWithoutValidation(known?.Name ?? Encoding.ASCII.GetString(name), Encoding.Latin1.GetString(value));
            }
        }

        return fields.IsEmpty;
    }

    /// <summary>The next line without its end. Empty: the blank line, or (with <paramref name="rest"/> left) one that holds a control character.</summary>
    private static ReadOnlySpan<byte> NextLine(ref ReadOnlySpan<byte> rest)
    {
        var end = rest.IndexOfAny(_control);
        if (end < 0 || end + 1 >= rest.Length || rest[end] != '\r' || rest[end + 1] != '\n')
        {
            return default;
        }

        var line = rest[..end];
        rest = rest[(end + 2)..];
        return line;
    }

    private static bool Split(ReadOnlySpan<byte> field, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        var colon = field.IndexOf((byte)':');
        name = field[..Math.Max(colon, 0)];
        value = field[(colon + 1)..].Trim(" \t"u8);
        return !name.IsEmpty && !name.ContainsAnyExcept(_token); // a folded line begins with a blank, which is no token
    }

    private static string? AddField(ReadOnlySpan<byte> field, HttpResponseMessage response, ref ResponseHead result)
    {
        if (!Split(field, out var name, out var value))
        {
            return "Invalid header name, or a folded header.";
        }

        if (ResponseHeaderName.Find(name) is not { } known)
        {
            Add(response, Encoding.ASCII.GetString(name), Encoding.Latin1.GetString(value));
            return null;
        }

        switch (known.Kind)
        {
            case ResponseHeaderKind.Ordinary:
                response.Headers.TryAddWithoutValidation(known.Name, known.ValueOf(value));
                return null;
            case ResponseHeaderKind.Content:
                response.Content.Headers.TryAddWithoutValidation(known.Name, known.ValueOf(value));
                return null;
            case ResponseHeaderKind.ContentLength:
                return SetLength(known, value, response, ref result);
            case ResponseHeaderKind.TransferEncoding:
                var isFirst = !result.IsChunked;
                result.IsChunked = true;
                return isFirst && Ascii.EqualsIgnoreCase(value, "chunked"u8) ? null : "The only Transfer-Encoding that is understood is chunked, once.";
            case ResponseHeaderKind.Connection:
                ReadConnection(value, ref result);
                response.Headers.TryAddWithoutValidation(known.Name, known.ValueOf(value));
                return null;
            default:
                return null;
        }
    }

    private static void Add(HttpResponseMessage response, string name, string value)
    {
        if (!response.Headers.TryAddWithoutValidation(name, value))
        {
            response.Content.Headers.TryAddWithoutValidation(name, value);
        }
    }

    private static string? SetLength(ResponseHeaderName known, ReadOnlySpan<byte> value, HttpResponseMessage response, ref ResponseHead result)
    {
        // RFC 9110 section 8.6: digits. 18 of them fit.
        if (result.Length >= 0 || value.IsEmpty || value.Length > 18 || value.ContainsAnyExceptInRange((byte)'0', (byte)'9'))
        {
            return "Invalid Content-Length, or more than one.";
        }

        result.Length = 0;
        foreach (var digit in value)
        {
            result.Length = (result.Length * 10) + (digit - '0');
        }

        // RFC 9110 sections 8.6 and 15.3.6: 204 and 205 have none, whatever they say; Kestrel would hold them to their word.
        if (result.Status is not (StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent))
        {
            response.Content.Headers.TryAddWithoutValidation(known.Name, known.ValueOf(value));
        }

        return null;
    }

    private static void ReadConnection(ReadOnlySpan<byte> value, ref ResponseHead result)
    {
        foreach (var part in value.Split((byte)','))
        {
            var option = value[part].Trim(" \t"u8);
            if (Ascii.EqualsIgnoreCase(option, "close"u8))
            {
                result.Closes = true;
            }
            else if (!option.IsEmpty && !Ascii.EqualsIgnoreCase(option, "keep-alive"u8) && !Ascii.EqualsIgnoreCase(option, "upgrade"u8))
            {
                result.NamesHeaders = true;
            }
        }
    }

    /// <summary>Left as it is where it is the usual one. One beyond ASCII is dropped: clients ignore it (RFC 9112 section 4), and Kestrel writes
    /// ASCII.</summary>
    private static void SetReason(HttpResponseMessage response, int status, ReadOnlySpan<byte> reason)
    {
        var usual = ReasonPhrases.GetReasonPhrase(status);
        response.ReasonPhrase = Ascii.Equals(reason, usual) || !Ascii.IsValid(reason) ? usual : Encoding.ASCII.GetString(reason);
    }
}
