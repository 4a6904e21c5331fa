using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Proxying.Servers;

/// <summary>What a client is told when a server that is no slot has not responded. YARP leaves a status and no word.</summary>
internal static class ServerErrors
{
    /// <summary>What has started can only be cut; YARP has done that.</summary>
    public static Task WriteAsync(HttpContext context, ForwardedRequest request, RequestCancellation life, IForwarderErrorFeature failure)
    {
        if (context.Response.HasStarted)
        {
            return Task.CompletedTask;
        }

        if (life.HasEnded)
        {
            return GatewayErrors.WriteAsync(
                context,
                StatusCodes.Status503ServiceUnavailable,
                "The proxy is being restarted and the request did not end in time (Shutdown:DrainTimeout). The server may have done what it asked for.",
                TimeSpan.FromSeconds(2));
        }

        return GatewayErrors.OfClientBody(context, failure, request.ClientBody, "for too long") is { } fault
            ? GatewayErrors.WriteAsync(context, fault.Status, fault.Detail)
            : WriteAsync(context, failure);
    }

    /// <summary>Writes the error response to a request for a server that is reached by YARP's own client.</summary>
    public static Task WriteAsync(HttpContext context, IForwarderErrorFeature failure)
    {
        var status = context.Response.StatusCode;
        return GatewayErrors.WriteAsync(context, status, failure.Error switch
        {
            ForwarderError.NoAvailableDestinations => "None of the servers behind this page is well.",
            ForwarderError.RequestTimedOut => "The server behind this page did not respond in time.",
            _ when status < StatusCodes.Status500InternalServerError => "The request could not be read.",
            _ => "The server behind this page cannot be reached, or did not respond.",
        });
    }
}
