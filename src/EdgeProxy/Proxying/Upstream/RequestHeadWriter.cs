using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>Writes the head of a request as HTTP/1.1 (RFC 9112 section 3), byte for byte as its headers are, in Latin-1 as Kestrel has read them.</summary>
internal ref struct RequestHeadWriter
{
    /// <summary>Nothing that is forwarded holds them; a header that another handler or transform makes must not begin a line of its own.</summary>
    private static readonly SearchValues<char> _endOfLine = SearchValues.Create("\r\n\0");

    private readonly Span<byte> _destination;
    private int _count;
    private bool _isTooLong;

    private RequestHeadWriter(Span<byte> destination) => _destination = destination;

    /// <param name="request">Its Content is looked at for headers only.</param>
    /// <param name="target">Path and query as they are sent.</param>
    /// <param name="bodyLength">0: none; null: not known, so that it is sent in chunks.</param>
    /// <param name="destination">Where to.</param>
    /// <param name="count">Its length.</param>
    /// <param name="isUpgrade">The request asks for another protocol.</param>
    /// <returns>False: <paramref name="destination"/> is too small.</returns>
    /// <exception cref="HttpRequestException">A header holds the end of a line.</exception>
    public static bool TryWrite(HttpRequestMessage request, string target, long? bodyLength, Span<byte> destination, out int count, out bool isUpgrade)
    {
        var writer = new RequestHeadWriter(destination);
        isUpgrade = writer.Write(request, target, bodyLength);
        count = writer._count;
        return !writer._isTooLong;
    }

    private bool Write(HttpRequestMessage request, string target, long? bodyLength)
    {
        Write(request.Method.Method);
        Write(" "u8);
        Write(target);
        Write(" HTTP/1.1\r\n"u8);
        var seen = WriteFields(request.Headers);
        if ((seen & Seen.Host) == 0)
        {
            Write("Host"u8, request.RequestUri!.Authority);
        }

        if (request.Content is { } content)
        {
            WriteFields(content.Headers);
        }

        WriteFraming(request, bodyLength);
        Write("\r\n"u8);
        return (seen & Seen.Upgrade) != 0;
    }

    private Seen WriteFields(HttpHeaders headers)
    {
        var seen = Seen.Nothing;
        foreach (var (name, values) in headers.NonValidated)
        {
            switch (name.Length)
            {
                case 4 when name.Equals("Host", StringComparison.OrdinalIgnoreCase):
                    seen |= Seen.Host;
                    break;
                case 7 when name.Equals("Upgrade", StringComparison.OrdinalIgnoreCase):
                    seen |= Seen.Upgrade;
                    break;

                // Ours to say. Kestrel has responded to Expect itself, and the body is sent without waiting for the app's word.
                case 14 when name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase):
                case 17 when name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase):
                case 6 when name.Equals("Expect", StringComparison.OrdinalIgnoreCase):
                    continue;
            }

            Write(name);
            Write(": "u8);
            Write(values.ToString()); // several in one line, as .NET joins them: Cookie with "; "
            Write("\r\n"u8);
        }

        return seen;
    }

    private void WriteFraming(HttpRequestMessage request, long? bodyLength)
    {
        if (bodyLength is null)
        {
            Write("Transfer-Encoding: chunked\r\n"u8);
        }
        else if (bodyLength > 0
            || request.Content is not null
            || request.Method == HttpMethod.Post
            || request.Method == HttpMethod.Put
            || request.Method == HttpMethod.Patch)
        {
            // RFC 9110 section 8.6: a method that defines a meaning for a body says that there is none.
            Write("Content-Length: "u8);
            _isTooLong |= !bodyLength.Value.TryFormat(_destination[_count..], out var digits, provider: CultureInfo.InvariantCulture);
            _count += digits;
            Write("\r\n"u8);
        }
    }

    private void Write(ReadOnlySpan<byte> name, string value)
    {
        Write(name);
        Write(": "u8);
        Write(value);
        Write("\r\n"u8);
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        if (bytes.TryCopyTo(_destination[_count..]))
        {
            _count += bytes.Length;
        }
        else
        {
            _isTooLong = true;
        }
    }

    private void Write(ReadOnlySpan<char> text)
    {
        if (text.ContainsAny(_endOfLine))
        {
            throw new HttpRequestException("A header of the request holds the end of a line.");
        }

        if (Encoding.Latin1.TryGetBytes(text, _destination[_count..], out var count))
        {
            _count += count;
        }
        else
        {
            _isTooLong = true;
        }
    }

    [Flags]
    private enum Seen
    {
        Nothing = 0,
        Host = 1,
        Upgrade = 2,
    }
}
