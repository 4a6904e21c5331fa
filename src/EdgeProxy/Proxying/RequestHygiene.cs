using System.Buffers;
using System.Collections.Frozen;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace EdgeProxy.Proxying;

/// <summary>The first step of the public pipeline: refuses what app and proxy could understand differently, and takes away what a client must not say.</summary>
internal sealed class RequestHygiene(RequestDelegate next, TrustedProxies trustedProxies)
{
    /// <summary>gunicorn's <c>--limit-request-field_size</c>: name, colon, blank and value.</summary>
    private const int MaxFieldSize = 8190;
    private const int MaxRequestIdLength = 128;

    /// <summary>The id of a request is its <see cref="HttpContext.TraceIdentifier"/> from here on; the header is made of that where the request is forwarded.</summary>
    public const string RequestIdHeader = "X-Request-ID";

    /// <summary>Where Kestrel keeps a Content-Length that stood beside a Transfer-Encoding.</summary>
    private const string DroppedLength = "X-Content-Length";

    /// <summary>
    /// Headers that make an app believe something about the connection. gunicorn takes the scheme from several names and refuses a request
    /// whose names disagree (<c>secure_scheme_headers</c>); <c>Proxy</c> becomes HTTP_PROXY in CGI-like environments (httpoxy, CVE-2016-5385).
    /// </summary>
    private static readonly FrozenSet<string> _spoofable = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "X-Forwarded-Protocol", "X-Forwarded-Ssl", "X-Forwarded-Port", "X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Real-IP", "Forwarded", "Proxy");

    /// <summary>Headers that only a trusted proxy may set; the app's are made from them or from the connection.</summary>
    private static readonly FrozenSet<string> _forwarded = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase, "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host");

    /// <summary>RFC 9110 section 5.6.2: what the name of a field is made of.</summary>
    private static readonly SearchValues<char> _token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>RFC 9110 section 5.5: what no value holds. A tab may stand in it.</summary>
    private static readonly SearchValues<char> _control = SearchValues.Create(
        [.. Enumerable.Range(0, 0x80).Select(code => (char)code).Where(character => char.IsControl(character) && character != '\t')]);

    public Task InvokeAsync(HttpContext context)
    {
        var headers = context.Request.Headers;
        var fault = ReadFields(headers, trustedProxies.Contains(context.Connection.RemoteIpAddress), out var id, out var unwanted);
        if ((FindFault(context) ?? fault) is var (status, detail))
        {
            return RefuseAsync(context, status, detail);
        }

        // Not ForEach: its closure would be made for every request.
        for (var i = 0; i < unwanted?.Count; i++)
        {
            headers.Remove(unwanted[i]);
        }

        // The only protocol that a connection is handed over to; YARP would tunnel SPDY, too.
        if (headers.Upgrade is { Count: > 0 } protocol && !"websocket".Equals(protocol.ToString(), StringComparison.OrdinalIgnoreCase))
        {
            headers.Remove(HeaderNames.Upgrade);
        }

        if (id is null or { Length: 0 or > MaxRequestIdLength })
        {
            id = NewRequestId();
        }

        context.TraceIdentifier = id;
        return next(context);
    }

    /// <summary>128 random bits, which need be no secret. A Guid asks the kernel for its own, and Convert's way to write hexadecimal is a slow one where it is compiled ahead of time, for any processor.</summary>
    private static string NewRequestId() => string.Create(32, Random.Shared, static (id, random) =>
    {
        Span<byte> bits = stackalloc byte[16];
        random.NextBytes(bits);
        for (var i = 0; i < bits.Length; i++)
        {
            id[2 * i] = "0123456789abcdef"[bits[i] >> 4];
            id[(2 * i) + 1] = "0123456789abcdef"[bits[i] & 15];
        }
    });

    /// <summary>No further request is read from a connection whose client and proxy may not agree where this one ends (RFC 9112 section 6.3). Streams of HTTP/2 have ends of their own.</summary>
    private static Task RefuseAsync(HttpContext context, int status, string detail)
    {
        if (!HttpProtocol.IsHttp2(context.Request.Protocol))
        {
            context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        }

        return GatewayErrors.WriteAsync(context, status, detail);
    }

    private static (int Status, string Detail)? FindFault(HttpContext context)
    {
        var request = context.Request;
        if (FindFramingFault(request) is { } framing)
        {
            return (StatusCodes.Status400BadRequest, framing);
        }

        var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        if (HttpMethods.IsConnect(request.Method) && context.Features.Get<IHttpExtendedConnectFeature>() is not { IsExtendedConnect: true })
        {
            return (StatusCodes.Status501NotImplemented, "This server is no forward proxy: CONNECT is not available.");
        }

        if (RequestTarget.PathAndQuery(target) is not { } pathAndQuery)
        {
            return (StatusCodes.Status400BadRequest, "The request target must be a path.");
        }

        if (RequestTarget.HasForeignCharacter(pathAndQuery))
        {
            return (StatusCodes.Status400BadRequest, "The request target holds a blank, a control character or a '#'.");
        }

        if (RequestTarget.HasDotSegment(pathAndQuery))
        {
            return (StatusCodes.Status400BadRequest, "The path holds a '.' or '..' segment.");
        }

        if (!request.Host.HasValue)
        {
            return (StatusCodes.Status400BadRequest, "The Host header is missing.");
        }

        return null;
    }

    /// <summary>One walk over all fields: most requests have none of those that are looked for, and to look for a dozen names costs more than all the rest of this class.</summary>
    /// <param name="id">What the client calls its request; null: it does not.</param>
    /// <param name="unwanted">The names of what is to be taken away; null: nothing is.</param>
    private static (int Status, string Detail)? ReadFields(IHeaderDictionary headers, bool fromTrusted, out string? id, out List<string>? unwanted)
    {
        (id, unwanted) = (null, null);
        foreach (var (name, values) in headers)
        {
            if (name.AsSpan().ContainsAnyExcept(_token) || HasControl(values))
            {
                return (StatusCodes.Status400BadRequest, "A header has a name that is none, or a control character in its value.");
            }

            if (name.Contains('_'))
            {
                // WSGI maps X_A and X-A to the same variable: the one would pass for the other.
                (unwanted ??= []).Add(name);
                continue;
            }

            if (FieldSize(name, values) > MaxFieldSize)
            {
                return (StatusCodes.Status431RequestHeaderFieldsTooLarge, $"The header {name} is longer than {MaxFieldSize} bytes.");
            }

            if (_spoofable.Contains(name) || (!fromTrusted && _forwarded.Contains(name)))
            {
                (unwanted ??= []).Add(name);
            }
            else if (name.Equals(RequestIdHeader, StringComparison.OrdinalIgnoreCase))
            {
                id = values.ToString();
                (unwanted ??= []).Add(name);
            }
        }

        return null;
    }

    private static bool HasControl(StringValues values)
    {
        foreach (var value in values)
        {
            if (value.AsSpan().ContainsAny(_control))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What another parser could take for another end of the request than Kestrel does, which overlooks a length beside chunks, and all codings but the last.</summary>
    /// <returns>Null: there is only one way to read it.</returns>
    private static string? FindFramingFault(HttpRequest request)
    {
        if (request.Headers.TransferEncoding is not { Count: > 0 } codings)
        {
            return null;
        }

        if (codings.Count > 1 || !"chunked".Equals(codings[0], StringComparison.OrdinalIgnoreCase))
        {
            return "The only Transfer-Encoding that is understood is chunked, once.";
        }

        return HttpProtocol.IsHttp10(request.Protocol) ? "HTTP/1.0 has no Transfer-Encoding."
            : request.Headers.ContainsKey(DroppedLength) ? "A request has a Transfer-Encoding or a Content-Length, not both."
            : null;
    }

    /// <summary>As the app gets it: fields of one name in one line, two characters between them. A character is a byte here (Latin-1).</summary>
    private static int FieldSize(string name, StringValues values)
    {
        var size = name.Length;
        foreach (var value in values)
        {
            size += 2 + (value?.Length ?? 0);
        }

        return size;
    }
}
