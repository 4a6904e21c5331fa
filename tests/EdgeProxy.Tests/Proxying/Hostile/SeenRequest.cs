using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace EdgeProxy.Tests.Proxying.Hostile;

/// <summary>A request as the app got it, read by the letter of RFC 9112: nothing that two parsers could read differently passes for well-formed.</summary>
/// <param name="Headers">In the order in which they came; names as they were written.</param>
public sealed partial record SeenRequest(string Method, string Target, IReadOnlyList<(string Name, string Value)> Headers, string Body)
{
    private const string Token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";

    /// <summary>All values of a header, in one line each.</summary>
    public IEnumerable<string> this[string name] =>
        Headers.Where(header => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value);

    public override string ToString() => $"{Method} {Target} {Body}";

    /// <summary>Takes one whole request from the front of <paramref name="bytes"/>.</summary>
    /// <returns>False: it has not arrived whole yet.</returns>
    /// <exception cref="FormatException">It is not well-formed.</exception>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out SeenRequest? request, out int length)
    {
        (request, length) = (null, 0);
        var head = bytes.IndexOf("\r\n\r\n"u8);
        if (head < 0)
        {
            return false;
        }

        var lines = Encoding.Latin1.GetString(bytes[..head]).Split("\r\n");
        var line = Match(RequestLine, lines[0], "request line");
        var headers = lines.Skip(1).Select(field => Match(Field, field, "field")).Select(field => (Name: field.Groups[1].Value, field.Groups[2].Value))
            .ToList();
        request = new SeenRequest(line.Groups[1].Value, line.Groups[2].Value, headers, "");
        Require(request["Host"].Count() == 1, "exactly one Host");
        var (lengths, codings) = (request["Content-Length"].ToList(), request["Transfer-Encoding"].ToList());
        Require(lengths.Count + codings.Count <= 1, "at most one of Content-Length and Transfer-Encoding, once");

        var body = bytes[(head + 4)..];
        if (lengths.Count == 1)
        {
            Match(Digits, lengths[0], "Content-Length");
            var count = int.Parse(lengths[0], CultureInfo.InvariantCulture);
            length = head + 4 + count;
            request = request with { Body = body.Length >= count ? Encoding.Latin1.GetString(body[..count]) : "" };
            return body.Length >= count;
        }

        if (codings.Count == 0)
        {
            length = head + 4;
            return true;
        }

        Require(codings[0] == "chunked", "Transfer-Encoding: chunked");
        var whole = TryReadChunks(body, out var content, out var chunked);
        length = head + 4 + chunked;
        request = request with { Body = content };
        return whole;
    }

    private static bool TryReadChunks(ReadOnlySpan<byte> body, out string content, out int length)
    {
        var collected = new StringBuilder();
        (content, length) = ("", 0);
        while (body[length..].IndexOf("\r\n"u8) is var end and >= 0)
        {
            var line = Match(ChunkSize, Encoding.Latin1.GetString(body.Slice(length, end)), "chunk size");
            var size = int.Parse(line.Value, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            if (body.Length < length + end + 2 + size + 2)
            {
                return false;
            }

            collected.Append(Encoding.Latin1.GetString(body.Slice(length + end + 2, size)));
            length += end + 2 + size + 2;
            Require(body.Slice(length - 2, 2).SequenceEqual("\r\n"u8), "CR LF behind a chunk");
            if (size == 0)
            {
                content = collected.ToString();
                return true;
            }
        }

        return false;
    }

    private static Match Match(Regex form, string text, string what)
    {
        var match = form.Match(text);
        Require(match.Success, $"a well-formed {what}, not \"{text}\"");
        return match;
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new FormatException($"the app needs {what}");
        }
    }

    [GeneratedRegex($@"\A({Token}) (/[\x21-\x7e]*) HTTP/1\.1\z")]
    private static partial Regex RequestLine { get; }

    /// <summary>No blank before the colon, no control character, no line that goes on.</summary>
    [GeneratedRegex($@"\A({Token}): ?((?:[\x21-\x7e\x80-\xff](?:[\x20\x09\x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)\z")]
    private static partial Regex Field { get; }

    [GeneratedRegex(@"\A[0-9]{1,9}\z")]
    private static partial Regex Digits { get; }

    /// <summary>Without extensions: none may reach the app.</summary>
    [GeneratedRegex(@"\A[0-9A-Fa-f]{1,7}\z")]
    private static partial Regex ChunkSize { get; }
}
