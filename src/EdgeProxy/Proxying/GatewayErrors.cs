using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using EdgeProxy.Slots;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Proxying;

/// <summary>Answers that come from the proxy and not from the app: small, JSON (RFC 9457) or HTML by <c>Accept</c>, never cached.</summary>
internal static class GatewayErrors
{
    /// <summary>The status of a request whose client left, for the log; nobody receives it. nginx's number.</summary>
    public const int ClientClosedRequest = 499;
    private static readonly TimeSpan _retrySoon = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _retryAfterMaintenance = TimeSpan.FromSeconds(60);

    public static void ClientLeft(HttpContext context)
    {
        if (!context.Response.HasStarted)
        {
            context.Response.Clear();
            context.Response.StatusCode = ClientClosedRequest;
        }
    }

    /// <summary>The active slot refuses connections or ends them without an answer, and waiting did not help.</summary>
    public static Task NotReachableAsync(HttpContext context, SlotName slot, HoldEnd end, string? reason, UpstreamOptions options)
    {
        if (end == HoldEnd.NotDown)
        {
            return WriteAsync(context, StatusCodes.Status502BadGateway, EndedWithoutAnswer(slot));
        }

        var detail = end switch
        {
            HoldEnd.Full => $"The app ({slot.ToKey()}) does not accept connections, and {options.MaxHeldRequests} requests wait for it already (Upstream:MaxHeldRequests).",
            HoldEnd.Hopeless => $"The app ({slot.ToKey()}) does not accept connections: {reason}",
            _ => $"The app ({slot.ToKey()}) did not accept connections for {Seconds(options.HoldTimeout)} s (Upstream:HoldTimeout).",
        };
        return WriteAsync(context, StatusCodes.Status503ServiceUnavailable, detail, _retrySoon);
    }

    /// <summary>The app is paused, and the request has waited for as long as it may.</summary>
    public static Task PausedAsync(HttpContext context, HoldEnd end, UpstreamOptions options) => WriteAsync(
        context,
        StatusCodes.Status503ServiceUnavailable,
        end == HoldEnd.Full
            ? $"The app is paused for a moment, and {options.MaxHeldRequests} requests wait for it already (Upstream:MaxHeldRequests)."
            : "The app is paused for a moment. Please try again.",
        _retrySoon);

    /// <summary>The app is under maintenance.</summary>
    public static Task MaintenanceAsync(HttpContext context, Maintenance maintenance) => WriteAsync(
        context,
        StatusCodes.Status503ServiceUnavailable,
        maintenance.Message.Length > 0 ? maintenance.Message : "This site is being worked on and will be back soon.",
        _retryAfterMaintenance,
        heading: "Down for maintenance");

    /// <summary>The forwarder failed. What has started can only be cut; YARP has done that.</summary>
    /// <param name="proxyEnds">The proxy is stopping, and its time for requests is over.</param>
    public static Task FailedAsync(HttpContext context, Lease lease, IForwarderErrorFeature failure, UpstreamOptions options, bool proxyEnds)
    {
        var response = context.Response;
        if (response.HasStarted)
        {
            return Task.CompletedTask;
        }

        var slot = lease.Slot.Name.ToKey();
        var timeout = lease.Class == LeaseClass.Http ? options.ActivityTimeout : options.StreamActivityTimeout;
        var key = lease.Class == LeaseClass.Http ? "Upstream:ActivityTimeout" : "Upstream:StreamActivityTimeout";
        var drainKey = lease.Class == LeaseClass.Http ? "Switch:DrainTimeout" : "Switch:StreamDrainTimeout";
        // YARP's own status is right where it blames the client's body: 400, 408, 413.
        var blamesClient = response.StatusCode is >= 400 and < 500 && failure.Error == ForwarderError.RequestBodyClient;
        var (status, detail) = failure.Error switch
        {
            _ when lease.Ended.IsCancellationRequested && proxyEnds =>
                (StatusCodes.Status503ServiceUnavailable, "The proxy is being restarted and the request did not end in time (Shutdown:DrainTimeout). The app may have done what it asked for."),
            _ when lease.Ended.IsCancellationRequested =>
                (StatusCodes.Status503ServiceUnavailable, $"The app was replaced and the request did not end in time ({drainKey} of {slot})."),
            _ when blamesClient => (response.StatusCode, "The request body could not be read."),
            ForwarderError.RequestTimedOut or ForwarderError.UpgradeActivityTimeout =>
                (StatusCodes.Status504GatewayTimeout, $"The app ({slot}) did nothing for {Seconds(timeout)} s ({key})."),
            _ when failure.Exception is HttpRequestException { HttpRequestError: HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded } =>
                (StatusCodes.Status502BadGateway, $"The app ({slot}) sent an answer that is not valid HTTP."),
            _ => (StatusCodes.Status502BadGateway, EndedWithoutAnswer(lease.Slot.Name)),
        };
        return WriteAsync(context, status, detail, status == StatusCodes.Status503ServiceUnavailable ? _retrySoon : null);
    }

    /// <summary>Writes an error answer in place of whatever was set so far.</summary>
    /// <param name="context">The request.</param>
    /// <param name="status">The status code.</param>
    /// <param name="detail">What happened, for a person, as plain text.</param>
    /// <param name="retryAfter">For <c>Retry-After</c>; null: none.</param>
    /// <param name="allow">For <c>Allow</c>; null: none.</param>
    /// <param name="heading">Of the page, where the words of the status would say nothing to a visitor.</param>
    public static async Task WriteAsync(HttpContext context, int status, string detail, TimeSpan? retryAfter = null, string? allow = null, string? heading = null)
    {
        var response = context.Response;
        response.Clear();
        response.StatusCode = status;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.Allow = allow;
        response.Headers["X-Request-ID"] = context.TraceIdentifier;
        if (retryAfter is { } wait)
        {
            response.Headers.RetryAfter = ((int)wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }

        var title = status == ClientClosedRequest ? "Client Closed Request" : Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status);
        var isPage = context.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);
        var body = isPage ? Page(status, heading ?? title, detail, context.TraceIdentifier) : Problem(status, title, detail, context.TraceIdentifier);
        response.ContentType = isPage ? "text/html; charset=utf-8" : "application/problem+json";
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await response.Body.WriteAsync(body, context.RequestAborted);
        }
    }

    private static ReadOnlyMemory<byte> Problem(int status, string title, string detail, string requestId)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteString("type", "about:blank");
        json.WriteString("title", title);
        json.WriteNumber("status", status);
        json.WriteString("detail", detail);
        json.WriteString("requestId", requestId);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }

    private static ReadOnlyMemory<byte> Page(int status, string title, string detail, string requestId) => Encoding.UTF8.GetBytes($"""
        <!doctype html>
        <html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <title>{status} {title}</title>
        <body style="font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:15vh auto;padding:0 1rem">
        <h1>{title}</h1>
        <p>{WebUtility.HtmlEncode(detail)}</p>
        <p><small>{status} · {WebUtility.HtmlEncode(requestId)}</small></p>
        </body></html>
        """);

    private static string EndedWithoutAnswer(SlotName slot) => $"The app ({slot.ToKey()}) ended the connection before it answered.";

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);
}
