using System.Buffers;
using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;
using EdgeProxy.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Diagnostics.AccessLogging;

/// <summary>How a request looks as a line of the access log. What the client has sent is escaped, and as long as it is allowed to be.</summary>
/// <param name="query">Takes values out of URLs.</param>
internal abstract class LineFormat(QueryRedaction query)
{
    /// <summary>Longer values of what clients send are cut: they say nothing more.</summary>
    protected const int MaxText = 512;

    /// <param name="hasSites">Whether there are sites to name.</param>
    public static LineFormat Of(AccessLogOptions options, bool hasSites = false)
    {
        var query = new QueryRedaction(options.QueryValues ?? []);
        return options.Format switch
        {
            AccessLogFormat.Json => new JsonLines(query, hasSites),
            AccessLogFormat.Caddy => new CaddyLines(query, hasSites),
            AccessLogFormat.Common => new CommonLines(query),
            _ => throw new ArgumentOutOfRangeException(nameof(options), options.Format, "no lines are written in this format"),
        };
    }

    /// <summary>Writes where the request was routed to: names of the settings.</summary>
    protected static void WriteSite(HttpContext context, Utf8JsonWriter json)
    {
        if (context.Features.Get<ISiteRequest>() is { } request)
        {
            json.WriteString("site"u8, request.SiteName);
            if (request.RouteName is { } route)
            {
                json.WriteString("route"u8, route);
            }
        }
    }

    /// <summary>Writes the line with its end.</summary>
    public abstract void Write(in RequestRecord request, LineScratch scratch);

    /// <summary>A URL without the values of its query.</summary>
    protected ReadOnlySpan<char> Redact(ReadOnlySpan<char> url, LineScratch scratch) => query.Redact(url, scratch.Url);

    /// <summary>The request's target as the client wrote it, query included.</summary>
    protected static string Target(HttpContext context) => context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;

    protected static ReadOnlySpan<char> Shorten(string? text) => text is { Length: > MaxText } ? text.AsSpan(0, MaxText) : text;

    /// <summary>An address as text; IPv4 that came over a socket for both as IPv4.</summary>
    protected static ReadOnlySpan<byte> Format(IPAddress? address, Span<byte> buffer)
    {
        if (address is null || !address.TryFormat(buffer, out var length))
        {
            return "unix:"u8; // it came through a Unix socket: nginx's word
        }

        var mapped = "::ffff:"u8;
        return address.IsIPv4MappedToIPv6 ? buffer[mapped.Length..length] : buffer[..length];
    }
}

/// <summary>What one thread writes lines with, over and over.</summary>
internal sealed class LineScratch
{
    private const int Kept = 16 * 1024;

    // Escapes quotes, controls and what is no character; other languages and & stay readable.
    private static readonly JsonWriterOptions _options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private ArrayBufferWriter<byte> _line = new(1024);

    public LineScratch() => Json = new Utf8JsonWriter(_line, _options);

    /// <summary>The line so far.</summary>
    public ReadOnlySpan<byte> Line => _line.WrittenSpan;

    /// <summary>Takes the bytes of a line.</summary>
    public IBufferWriter<byte> Bytes => _line;

    /// <summary>Writes to <see cref="Bytes"/>.</summary>
    public Utf8JsonWriter Json { get; }

    /// <summary>Room for a URL that is being changed.</summary>
    public ArrayBufferWriter<char> Url { get; private set; } = new(256);

    /// <summary>Ready for the next line. What an unusual line has needed is not kept for ever.</summary>
    public void Clear()
    {
        _line = _line.Capacity > Kept ? new(1024) : _line;
        Url = Url.Capacity > Kept ? new(256) : Url;
        _line.ResetWrittenCount();
        Json.Reset(_line);
    }
}
