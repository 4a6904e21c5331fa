using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using EdgeProxy.Http;
using EdgeProxy.Proxying.Places;
using EdgeProxy.Proxying.Upstream;
using EdgeProxy.Slots;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Proxying;

/// <summary>Responses that come from the proxy and not from the app: small, JSON (RFC 9457) or HTML by <c>Accept</c>, never cached.</summary>
internal static class GatewayErrors
{
    /// <summary>Fields that an error may have of EdgeProxy, and that others may want to set.</summary>
    public static readonly IReadOnlyList<string> OwnFields = ["Retry-After", "X-Content-Type-Options", RequestIdField];

    private const string RequestIdField = "X-Request-ID";

    private static readonly TimeSpan _retrySoon = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _retryAfterMaintenance = TimeSpan.FromSeconds(60);

    public static void ClientLeft(HttpContext context)
    {
        if (!context.Response.HasStarted)
        {
            context.Response.Clear();
            context.Response.StatusCode = ProxyStatusCodes.ClientClosedRequest;
        }
    }

    /// <summary>The active slot refuses connections or ends them without a response, and waiting did not help.</summary>
    /// <remarks>Anybody reads it: why, with the unit and what to do, is in the log, the status and the dashboard alone.</remarks>
    /// <param name="proxyEnds">The proxy is stopping, and its time for requests is over.</param>
    public static Task NotReachableAsync(HttpContext context, SlotName slot, HoldResult end, UpstreamOptions options, bool proxyEnds)
    {
        if (end == HoldResult.NotDown)
        {
            return WriteAsync(context, StatusCodes.Status502BadGateway, EndedWithoutResponse(slot));
        }

        var detail = end switch
        {
            HoldResult.Full =>
                $"The app ({slot.ToKey()}) does not accept connections, and {options.MaxHeldRequests} requests wait for it already (Upstream:MaxHeldRequests).",
            HoldResult.Hopeless when proxyEnds =>
                $"The proxy is being restarted, and the app ({slot.ToKey()}) did not accept connections until then (Shutdown:DrainTimeout).",
            HoldResult.Hopeless => $"The app ({slot.ToKey()}) does not accept connections, and is not about to.",
            _ => $"The app ({slot.ToKey()}) did not accept connections for {Seconds(options.HoldTimeout)} s (Upstream:HoldTimeout).",
        };
        return WriteAsync(context, StatusCodes.Status503ServiceUnavailable, detail, _retrySoon);
    }

    /// <summary>The client's body is too large, invalid, or came too slowly.</summary>
    public static Task BodyRefusedAsync(HttpContext context, BadHttpRequestException refused) => WriteAsync(
        context,
        refused.StatusCode,
        refused.StatusCode == StatusCodes.Status413PayloadTooLarge ? refused.Message : "The request body could not be read.");

    /// <summary>The proxy ends while a body is still coming.</summary>
    public static Task StoppedInBodyAsync(HttpContext context) => WriteAsync(
        context,
        StatusCodes.Status503ServiceUnavailable,
        "The proxy is being restarted, and the request body had not come by then (Shutdown:DrainTimeout). The app has not seen the request.",
        _retrySoon);

    /// <summary>The app is paused, and the request has waited for as long as it may.</summary>
    public static Task PausedAsync(HttpContext context, HoldResult end, UpstreamOptions options) => WriteAsync(
        context,
        StatusCodes.Status503ServiceUnavailable,
        end == HoldResult.Full
            ? $"The app is paused for a moment, and {options.MaxHeldRequests} requests wait for it already (Upstream:MaxHeldRequests)."
            : "The app is paused for a moment. Please try again.",
        _retrySoon);

    /// <summary>The request has not had its turn with the app.</summary>
    public static Task BusyAsync(HttpContext context, PlaceEnd end, UpstreamOptions options) => WriteAsync(
        context,
        StatusCodes.Status503ServiceUnavailable,
        end switch
        {
            PlaceEnd.Full => $"The app is busy, and {options.MaxHeldRequests} requests wait for it already (Upstream:MaxHeldRequests).",
            PlaceEnd.ClientFull =>
                "The app is busy, and too many requests of this client wait for it already (Upstream:MaxHeldRequests, shared between all clients).",
            PlaceEnd.Abandoned =>
                "The proxy is being restarted, and the request has not had its turn by then (Shutdown:DrainTimeout). The app has not seen it.",
            _ => $"The app is busy: the request has not had its turn in {Seconds(options.QueueTimeout)} s (Upstream:QueueTimeout). The app has not seen it.",
        },
        _retrySoon);

    /// <summary>The app is under maintenance.</summary>
    public static Task MaintenanceAsync(HttpContext context, Maintenance maintenance) => WriteAsync(
        context,
        StatusCodes.Status503ServiceUnavailable,
        maintenance.Message.Length > 0 ? maintenance.Message : "This site is being worked on and will be back soon.",
        maintenance.Until is { } until ? Shorter(until - context.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow()) : _retryAfterMaintenance,
        heading: "Down for maintenance");

    /// <summary>Not later than maintenance ends.</summary>
    private static TimeSpan Shorter(TimeSpan left) => left < _retryAfterMaintenance ? left : _retryAfterMaintenance;

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
        var (status, detail) = failure.Error switch
        {
            _ when lease.Ended.IsCancellationRequested && proxyEnds =>
                (
                    StatusCodes.Status503ServiceUnavailable,
                    "The proxy is being restarted and the request did not end in time (Shutdown:DrainTimeout). The app may have done what it asked for."),
            _ when lease.Ended.IsCancellationRequested =>
                (StatusCodes.Status503ServiceUnavailable, $"The app was replaced and the request did not end in time ({drainKey} of {slot})."),
            _ when OfClientBody(context, failure, ForwardedRequest.Of(context)?.ClientBody, $"for {Seconds(timeout)} s ({key})") is { } ofClient => ofClient,
            ForwarderError.RequestTimedOut or ForwarderError.UpgradeActivityTimeout =>
                (StatusCodes.Status504GatewayTimeout, $"The app ({slot}) did nothing for {Seconds(timeout)} s ({key})."),
            _ when failure.Exception is HttpRequestException
            {
                HttpRequestError: HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded,
            } =>
                (StatusCodes.Status502BadGateway, $"The app ({slot}) sent a response that is not valid HTTP."),
            _ => (StatusCodes.Status502BadGateway, EndedWithoutResponse(lease.Slot.Name)),
        };
        return WriteAsync(context, status, detail, status == StatusCodes.Status503ServiceUnavailable ? _retrySoon : null);
    }

    /// <summary>What the client's body is to blame for.</summary>
    /// <param name="body">Null: the request has none.</param>
    /// <param name="patience">How long it was waited for, in words.</param>
    /// <returns>Null: nothing.</returns>
    public static (int Status, string Detail)? OfClientBody(HttpContext context, IForwarderErrorFeature failure, ClientBody? body, string patience)
    {
        // YARP's own status is right where it blames the client's body: 400, 408, 413.
        var status = context.Response.StatusCode;
        var blamesClient = status is >= 400 and < 500 && failure.Error == ForwarderError.RequestBodyClient;
        return body is { WasAwaited: true }
            && (failure.Error == ForwarderError.RequestTimedOut || (blamesClient && status == StatusCodes.Status408RequestTimeout))
                ? (StatusCodes.Status408RequestTimeout, $"Nothing more of the request body came {patience}.")
            : !blamesClient ? null
            : status == StatusCodes.Status413PayloadTooLarge && FindTooLarge(failure.Exception) is { } tooLarge ? (status, tooLarge)
            : (status, "The request body could not be read.");
    }

    private static string? FindTooLarge(Exception? failure) => failure switch
    {
        BadHttpRequestException bad => bad.Message,
        AggregateException several => several.InnerExceptions.Select(FindTooLarge).FirstOrDefault(found => found is not null),
        _ => null,
    };

    /// <summary>Writes an error response in place of whatever was set so far.</summary>
    /// <param name="context">The request.</param>
    /// <param name="status">The status code.</param>
    /// <param name="detail">What happened, for a person, as plain text.</param>
    /// <param name="retryAfter">For <c>Retry-After</c>, rounded up to whole seconds; null: none.</param>
    /// <param name="allow">For <c>Allow</c>; null: none.</param>
    /// <param name="challenge">For <c>WWW-Authenticate</c>; null: none.</param>
    /// <param name="heading">Of the page, where the words of the status would say nothing to a client.</param>
    public static async Task WriteAsync(
        HttpContext context,
        int status,
        string detail,
        TimeSpan? retryAfter = null,
        string? allow = null,
        string? challenge = null,
        string? heading = null)
    {
        var response = context.Response;
        var page = context.Features.Get<IErrorPages>()?.Find(context, status);
        context.Features.Get<ISiteRequest>()?.RespondsWithError(page);
        response.Clear();
        response.StatusCode = status;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.Allow = allow;
        response.Headers.WWWAuthenticate = challenge;
        response.Headers[RequestIdField] = context.TraceIdentifier;
        if (retryAfter is { } wait)
        {
            // Whole seconds (RFC 9110 section 10.2.3). With less than the wait, or none, a client that obeys comes too early.
            response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        response.StatusCode = page?.Status ?? status;
        var (type, body) = page is null ? BodyOf(context, status, detail, heading) : (page.ContentType, page.Body);
        response.ContentType = type;
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            try
            {
                await response.Body.WriteAsync(body, context.RequestAborted);
            }
            catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
            {
                // The client has left: there is nobody to tell, and nothing of ours has failed.
            }
        }
    }

    /// <summary>Where the site has no page of its own.</summary>
    private static (string Type, ReadOnlyMemory<byte> Body) BodyOf(HttpContext context, int status, string detail, string? heading)
    {
        var title = status == ProxyStatusCodes.ClientClosedRequest
            ? "Client Closed Request"
            : Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status);
        return context.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase)
            ? ("text/html; charset=utf-8", Page(status, heading ?? title, detail, context.TraceIdentifier))
            : ("application/problem+json", Problem(status, title, detail, context.TraceIdentifier));
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

    private static string EndedWithoutResponse(SlotName slot) => $"The app ({slot.ToKey()}) ended the connection before it responded.";

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);
}
