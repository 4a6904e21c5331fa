using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using EdgeProxy.Http;

namespace EdgeProxy.Proxying;

/// <summary>
/// The body of a response in chunks, with its trailers behind the last one (RFC 9112 section 7.1), for a client of HTTP/1.1: Kestrel would chunk it as well,
/// but offers trailers for HTTP/2 only. Where the app announces none (<c>Trailer</c>) it stays Kestrel's.
/// </summary>
internal sealed class TrailedContent : FilteredContent
{
    private readonly HttpResponseHeaders _trailers;

    private TrailedContent(HttpContent app, HttpResponseHeaders trailers)
        : base(app) => _trailers = trailers;

    /// <summary>The last step of the response transforms: what it makes of the body is not to be changed any more.</summary>
    public static void Use(HttpContext context, HttpResponseMessage response)
    {
        var headers = context.Response.Headers;
        if (headers.Trailer.Count == 0 || headers.ContentLength is not null || !HttpProtocol.IsHttp11(context.Request.Protocol) || !HasBody(context))
        {
            return;
        }

        response.Content = new TrailedContent(response.Content, response.TrailingHeaders);
        headers.TransferEncoding = "chunked"; // Kestrel leaves the framing to code that says so
    }

    protected override Stream Filter(Stream app) => new Body(app, _trailers);

    private static bool HasBody(HttpContext context) =>
        !HttpMethods.IsHead(context.Request.Method)
        && context.Response.StatusCode is >= 200 and not (
            StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent or StatusCodes.Status304NotModified);

    private sealed class Body(Stream app, HttpResponseHeaders trailers) : AsyncStream
    {
        private const int Digits = 8; // leading zeros are valid, and save moving the data
        private const int Head = Digits + 2;
        private const int Tail = 2;

        private ReadOnlyMemory<byte> _end;
        private bool _isAtEnd;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.IsEmpty)
            {
                return _isAtEnd ? 0 : await app.ReadAsync(buffer, cancellationToken); // waits
            }

            if (!_isAtEnd)
            {
                ArgumentOutOfRangeException.ThrowIfLessThan(buffer.Length, Head + Tail + 1); // the forwarder's has 64 KB
                var count = await app.ReadAsync(buffer[Head..^Tail], cancellationToken);
                if (count > 0)
                {
                    Frame(buffer.Span, count);
                    return Head + count + Tail;
                }

                _isAtEnd = true;
                _end = End();
            }

            var length = Math.Min(buffer.Length, _end.Length);
            _end[..length].CopyTo(buffer);
            _end = _end[length..];
            return length;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                app.Dispose();
            }

            base.Dispose(disposing);
        }

        private static void Frame(Span<byte> buffer, int count)
        {
            count.TryFormat(buffer, out _, "x8", CultureInfo.InvariantCulture);
            "\r\n"u8.CopyTo(buffer[Digits..]);
            "\r\n"u8.CopyTo(buffer[(Head + count)..]);
        }

        /// <summary>The last chunk, and what the app has sent behind its own: read strictly, so that no value holds the end of a line.</summary>
        private ReadOnlyMemory<byte> End()
        {
            var end = new ArrayBufferWriter<byte>();
            end.Write("0\r\n"u8);
            foreach (var (name, values) in trailers.NonValidated)
            {
                foreach (var value in values)
                {
                    end.Write(Encoding.Latin1.GetBytes($"{name}: {value}\r\n"));
                }
            }

            end.Write("\r\n"u8);
            return end.WrittenMemory;
        }
    }
}
