using System.Net;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace EdgeProxy.Proxying;

/// <summary>What the app sees of a request, and what the proxy learns from its answer. For the app's own route; other routes have YARP's transforms.</summary>
internal static class AppTransforms
{
    public static void Add(TransformBuilderContext builder, TrustedProxies trustedProxies)
    {
        if (!AppCluster.Owns(builder.Route.ClusterId))
        {
            return;
        }

        builder.UseDefaultForwarders = false;
        builder.AddOriginalHost();
        builder.AddRequestTransform(context =>
        {
            KeepTarget(context);
            SetForwarded(context, trustedProxies);
            context.ProxyRequest.Headers.TryAddWithoutValidation(RequestHygiene.RequestIdHeader, context.HttpContext.TraceIdentifier);
            return ValueTask.CompletedTask;
        });
        builder.AddResponseTransform(static context =>
        {
            if (context.ProxyResponse is { } answer && context.HttpContext.Features.Get<ForwardedRequest>() is { Life: { } life } request)
            {
                request.Answer();
                if (answer.Content.Headers.NonValidated.TryGetValues("Content-Type", out var type) && LeaseClassifier.IsStream(type.ToString()))
                {
                    EventStreamContent.EndBetweenEvents(answer, life);
                }
            }

            return ValueTask.CompletedTask;
        });
    }

    /// <summary>Path and query as the client wrote them: YARP would decode and encode them anew (<c>%2F</c> becomes <c>%252F</c>).</summary>
    private static void KeepTarget(RequestTransformContext context)
    {
        var slot = AppCluster.SlotAt(context.DestinationPrefix);
        var raw = context.HttpContext.Features.Get<IHttpRequestFeature>()!.RawTarget;
        // Never null here: RequestHygiene refused other forms.
        context.ProxyRequest.RequestUri = new SlotUri(slot, RequestTarget.PathAndQuery(raw)!);
    }

    /// <summary><c>X-Forwarded-For</c>, <c>-Proto</c> and <c>-Host</c> from the connection; for a trusted peer, appended to or taken from what it says.</summary>
    private static void SetForwarded(RequestTransformContext context, TrustedProxies trustedProxies)
    {
        var request = context.HttpContext.Request;
        var peer = context.HttpContext.Connection.RemoteIpAddress;
        var client = peer is { IsIPv4MappedToIPv6: true } ? peer.MapToIPv4().ToString() : (peer ?? IPAddress.Loopback).ToString();
        var proto = request.Scheme;
        var host = request.Host.Value;
        var headers = context.ProxyRequest.Headers;
        if (trustedProxies.Contains(peer))
        {
            client = request.Headers["X-Forwarded-For"] is { Count: > 0 } chain ? $"{chain}, {client}" : client;
            proto = request.Headers["X-Forwarded-Proto"].ToString() is "http" or "https" ? request.Headers["X-Forwarded-Proto"].ToString() : proto;
            host = request.Headers["X-Forwarded-Host"] is { Count: 1 } said && said[0]!.Length > 0 ? said[0] : host;
            // Copied already. Those of others RequestHygiene has taken away.
            headers.Remove("X-Forwarded-For");
            headers.Remove("X-Forwarded-Proto");
            headers.Remove("X-Forwarded-Host");
        }

        headers.TryAddWithoutValidation("X-Forwarded-For", client);
        headers.TryAddWithoutValidation("X-Forwarded-Proto", proto);
        headers.TryAddWithoutValidation("X-Forwarded-Host", host);
    }
}
