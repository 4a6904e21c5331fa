using EdgeProxy.Proxying.Spooling;
using EdgeProxy.Proxying.Upgrades;
using Yarp.ReverseProxy.Transforms;

namespace EdgeProxy.Proxying;

/// <summary>What the proxy does with each response that has come through a client of its own, before the forwarder copies it.</summary>
internal static class ResponseSteps
{
    /// <param name="request">With the try that the response belongs to.</param>
    public static async ValueTask ApplyAsync(
        ResponseTransformContext context, HttpResponseMessage answer, ForwardedRequest request, ResponseBuffering buffering)
    {
        request.Answer();
        if (answer.Content.Headers.NonValidated.TryGetValues("Content-Type", out var type) && LeaseClassifier.IsStream(type.ToString()))
        {
            EventStreamContent.EndBetweenEvents(answer, request.Life!);
        }

        buffering.Begin(context.HttpContext, answer, request);
        await UpgradeResponse.TransformAsync(context, answer, request);
        TrailedContent.Use(context.HttpContext, answer);
    }
}
