using System.Buffers;
using System.Text.Json;
using EdgeProxy.Clients;
using EdgeProxy.Http;
using EdgeProxy.Slots;

namespace EdgeProxy.Diagnostics.AccessLogging;

/// <summary>EdgeProxy's own format: a flat JSON object a line. What a request did not have is left out.</summary>
internal sealed class JsonLines(QueryRedaction query, bool hasSites) : LineFormat(query)
{
    public override void Write(in RequestRecord request, LineScratch scratch)
    {
        var context = request.Context;
        var headers = context.Request.Headers;
        Span<byte> address = stackalloc byte[64];
        var json = scratch.Json;
        json.WriteStartObject();
        json.WriteString("time"u8, request.EndedAt.UtcDateTime);
        json.WriteString("requestId"u8, Shorten(context.TraceIdentifier));
        json.WriteString("client"u8, Format(context.Connection.RemoteIpAddress, address));
        if (context.Features.Get<ClientOrigin>() is { Proxy: var proxy, Said: { } said })
        {
            json.WriteString("proxy"u8, Format(proxy, address));
            json.WriteString("forwardedFor"u8, Shorten(said));
        }

        json.WriteString("method"u8, Shorten(context.Request.Method));
        json.WriteString("host"u8, Shorten(context.Request.Headers.Host.ToString()));
        WriteTarget(context, scratch);
        json.WriteString("protocol"u8, context.Request.Protocol);
        json.WriteString("userAgent"u8, Shorten(headers.UserAgent.ToString()));
        json.WriteNumber("status"u8, request.Status);
        json.WriteNumber("bytes"u8, request.BytesSent);
        json.WriteNumber("durationMs"u8, Milliseconds(request.Duration));
        if (hasSites)
        {
            WriteSite(context, json);
        }

        if (request.Forwarded is { Lease: { } lease } app)
        {
            json.WriteString("app"u8, lease.Slot.App.Name);
            json.WriteString("slot"u8, lease.Slot.Name.ToKey());
            if (app.ResponseTime is { } responseTime)
            {
                json.WriteNumber("upstreamMs"u8, Milliseconds(responseTime));
            }

            json.WriteNumber("retries"u8, app.Tries - 1);
            json.WriteNumber("heldMs"u8, Milliseconds(app.Held));
        }

        WriteWaits(request.Forwarded, json);

        json.WriteEndObject();
        json.Flush();
        scratch.Bytes.Write("\n"u8);
    }

    /// <summary>Also of a request that never reached the app.</summary>
    private static void WriteWaits(IForwardedRequest? request, Utf8JsonWriter json)
    {
        if (request is { Queued.Ticks: > 0 })
        {
            json.WriteNumber("queuedMs"u8, Milliseconds(request.Queued));
        }

        if (request is { SpooledBytes: > 0 })
        {
            json.WriteNumber("spooledBytes"u8, request.SpooledBytes);
        }
    }

    private void WriteTarget(HttpContext context, LineScratch scratch)
    {
        ReadOnlySpan<char> target = Target(context);
        var query = target.IndexOf('?');
        scratch.Json.WriteString("path"u8, query < 0 ? target : target[..query]);
        if (query >= 0 && query < target.Length - 1)
        {
            scratch.Json.WriteString("query"u8, Redact(target, scratch)[(query + 1)..]);
        }
    }

    private static double Milliseconds(TimeSpan duration) => Math.Round(duration.TotalMilliseconds, 3);
}
