using EdgeProxy.Proxying.Spooling;
using EdgeProxy.Proxying.Upgrades;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Proxying;

/// <summary>What the proxy does with each response that has come through a client of its own, before the forwarder copies it.</summary>
internal static class ResponseSteps
{
    /// <param name="request">With the try that the response belongs to.</param>
    public static async ValueTask ApplyAsync(
        ResponseTransformContext context, HttpResponseMessage response, ForwardedRequest request, ResponseBuffering buffering)
    {
        request.Responded();
        if (response.Content.Headers.NonValidated.TryGetValues("Content-Type", out var type) && LeaseClassifier.IsStream(type.ToString()))
        {
            EventStreamContent.EndBetweenEvents(response, request.Life!);
        }

        buffering.Begin(context.HttpContext, response, request);
        await UpgradeResponse.TransformAsync(context, response, request);
        TrailedContent.Use(context.HttpContext, response);
    }
}
