using System.Buffers;
using EdgeProxy.Slots;

namespace EdgeProxy.Diagnostics.AccessLogging;

/// <summary>EdgeProxy's own format: a flat JSON object a line. What a request did not have is left out.</summary>
internal sealed class JsonLines(QueryRedaction query) : LineFormat(query)
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
        if (headers["X-Forwarded-For"] is { Count: > 0 } forwarded)
        {
            json.WriteString("forwardedFor"u8, Shorten(forwarded.ToString())); // RequestHygiene has left it: the peer is trusted
        }

        json.WriteString("method"u8, Shorten(context.Request.Method));
        json.WriteString("host"u8, Shorten(context.Request.Host.Value));
        WriteTarget(context, scratch);
        json.WriteString("protocol"u8, context.Request.Protocol);
        json.WriteString("userAgent"u8, Shorten(headers.UserAgent.ToString()));
        json.WriteNumber("status"u8, request.Status);
        json.WriteNumber("bytes"u8, request.BytesSent);
        json.WriteNumber("durationMs"u8, Milliseconds(request.Duration));
        if (request.Forwarded is { Lease: { } lease } app)
        {
            json.WriteString("slot"u8, lease.Slot.Name.ToKey());
            if (app.Answered is { } answered)
            {
                json.WriteNumber("upstreamMs"u8, Milliseconds(answered));
            }

            json.WriteNumber("retries"u8, app.Tries - 1);
            json.WriteNumber("heldMs"u8, Milliseconds(app.Held));
        }

        json.WriteEndObject();
        json.Flush();
        scratch.Bytes.Write("\n"u8);
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
