namespace EdgeProxy.Proxying.Upgrades;

/// <summary>The rest of a request whose server has switched protocols, or was asked to and has not.</summary>
internal static class UpgradedRequest
{
    /// <summary>Runs a tunnel to its end, or tells the client of an extended CONNECT that there is none.</summary>
    /// <param name="options">How long nothing may move.</param>
    /// <param name="clientLeft">Of the request, whatever <paramref name="life"/> says.</param>
    public static async Task FinishAsync(
        HttpContext context, ForwardedRequest request, RequestCancellation life, UpstreamOptions options, TimeProvider time, CancellationToken clientLeft)
    {
        if (request.IsWebSocketUnsupported)
        {
            if (clientLeft.IsCancellationRequested)
            {
                request.ClientLeft = true;
                GatewayErrors.ClientLeft(context);
                return;
            }

            await GatewayErrors.WriteAsync(
                context, StatusCodes.Status501NotImplemented, "The app offers no WebSocket here (RFC 8441): it responded as to an ordinary GET.");
        }
        else if (!await request.Tunnel!.RunAsync(context, life, options, time, clientLeft))
        {
            await GatewayErrors.WriteAsync(
                context,
                StatusCodes.Status503ServiceUnavailable,
                "Too many connections have switched protocols (Kestrel:Limits:MaxConcurrentUpgradedConnections).");
        }
    }
}
