using System.Buffers;
using System.Globalization;
using System.Net.Security;
using System.Text.Json;
using EdgeProxy.Clients;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Diagnostics.AccessLogging;

/// <summary>What Caddy's access log writes (its <c>json</c> encoder, logger <c>http.log.access</c>), so that what reads that goes on reading.</summary>
/// <remarks>
/// Unlike Caddy, which logs every header but four, this one logs the headers that are named here: an API key or a CSRF token has a header too. Behind
/// Caddy's members come ours: <c>app</c>, <c>slot</c>, <c>retries</c>, <c>held</c>, <c>queued</c> where it waited, <c>request_id</c>.
/// </remarks>
internal sealed class CaddyLines(QueryRedaction query, bool hasSites) : LineFormat(query)
{
    private static readonly string[] _requestHeaders = [
        "User-Agent", "Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Content-Length", "Range", "Origin"];
    private static readonly string[] _responseHeaders = [
        "Content-Type", "Content-Length", "Content-Encoding", "Cache-Control", "Etag", "Last-Modified", "Vary", "Retry-After"];

    public override void Write(in RequestRecord request, LineScratch scratch)
    {
        var context = request.Context;
        var json = scratch.Json;
        json.WriteStartObject();
        json.WriteString("level"u8, request.Status >= StatusCodes.Status500InternalServerError ? "error"u8 : "info"u8);
        json.WriteNumber("ts"u8, (request.EndedAt - DateTimeOffset.UnixEpoch).TotalSeconds);
        json.WriteString("logger"u8, "http.log.access"u8);
        json.WriteString("msg"u8, "handled request"u8);
        WriteRequest(context, scratch);
        json.WriteString("user_id"u8, ""u8);
        json.WriteNumber("duration"u8, request.Duration.TotalSeconds);
        json.WriteNumber("size"u8, request.BytesSent);
        json.WriteNumber("status"u8, request.Status);
        WriteHeaders(json, "resp_headers"u8, context.Response.Headers, _responseHeaders);
        if (hasSites)
        {
            WriteSite(context, json);
        }

        if (request.Forwarded is { Lease: { } lease } app)
        {
            json.WriteString("app"u8, lease.Slot.App.Name);
            json.WriteString("slot"u8, lease.Slot.Name.ToKey());
            json.WriteNumber("retries"u8, app.Tries - 1);
            json.WriteNumber("held"u8, app.Held.TotalSeconds);
        }

        if (request.Forwarded is { Queued.Ticks: > 0 } queued)
        {
            json.WriteNumber("queued"u8, queued.Queued.TotalSeconds);
        }

        json.WriteString("request_id"u8, Shorten(context.TraceIdentifier));
        json.WriteEndObject();
        json.Flush();
        scratch.Bytes.Write("\n"u8);
    }

    private void WriteRequest(HttpContext context, LineScratch scratch)
    {
        var json = scratch.Json;
        var request = context.Request;
        Span<byte> buffer = stackalloc byte[64];
        var connection = context.Connection;
        var origin = context.Features.Get<ClientOrigin>();
        var (peer, peerPort) = origin is { Chain: not null } ? (origin.Proxy, origin.ProxyPort) : (connection.RemoteIpAddress, connection.RemotePort);
        json.WriteStartObject("request"u8);
        json.WriteString("remote_ip"u8, Format(peer, buffer));
        json.WriteString("client_ip"u8, Format(connection.RemoteIpAddress, buffer));
        Span<char> port = stackalloc char[8];
        peerPort.TryFormat(port, out var length, provider: CultureInfo.InvariantCulture);
        json.WriteString("remote_port"u8, port[..length]);
        json.WriteString(
            "proto"u8, HttpProtocol.IsHttp2(request.Protocol) ? "HTTP/2.0"u8 : HttpProtocol.IsHttp10(request.Protocol) ? "HTTP/1.0"u8 : "HTTP/1.1"u8);
        json.WriteString("method"u8, Shorten(request.Method));
        json.WriteString("host"u8, Shorten(request.Headers.Host.ToString()));
        json.WriteString("uri"u8, Redact(Target(context), scratch));
        json.WriteStartObject("headers"u8);
        WriteKnown(json, request.Headers, _requestHeaders);
        if (origin?.Said is { } said)
        {
            WriteValues(json, "X-Forwarded-For", said); // taken from the request's headers when it was read
        }

        if (request.Headers.Referer is [{ } referer])
        {
            json.WriteStartArray("Referer"u8);
            json.WriteStringValue(Redact(Shorten(referer), scratch));
            json.WriteEndArray();
        }

        json.WriteEndObject();
        WriteTls(json, context.Features.Get<ITlsHandshakeFeature>());
        json.WriteEndObject();
    }

    private static void WriteTls(Utf8JsonWriter json, ITlsHandshakeFeature? tls)
    {
        if (tls is null)
        {
            return;
        }

        json.WriteStartObject("tls"u8);
        json.WriteBoolean("resumed"u8, false); // not told by the platform
        json.WriteNumber("version"u8, tls.Protocol == System.Security.Authentication.SslProtocols.Tls13 ? 0x0304 : 0x0303); // Caddy has the wire's numbers
        json.WriteNumber("cipher_suite"u8, (int)(tls.NegotiatedCipherSuite ?? TlsCipherSuite.TLS_NULL_WITH_NULL_NULL));
        json.WriteString("proto"u8, ""u8);
        json.WriteString("server_name"u8, Shorten(tls.HostName));
        json.WriteEndObject();
    }

    private static void WriteHeaders(Utf8JsonWriter json, ReadOnlySpan<byte> name, IHeaderDictionary headers, string[] known)
    {
        json.WriteStartObject(name);
        WriteKnown(json, headers, known);
        json.WriteEndObject();
    }

    private static void WriteKnown(Utf8JsonWriter json, IHeaderDictionary headers, string[] known)
    {
        foreach (var name in known)
        {
            if (headers.TryGetValue(name, out var values) && values.Count > 0)
            {
                WriteValues(json, name, values);
            }
        }
    }

    private static void WriteValues(Utf8JsonWriter json, string name, StringValues values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(Shorten(value));
        }

        json.WriteEndArray();
    }
}
