using EdgeProxy.Proxying.Upstream;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Proxying;

/// <summary>How one try of a request ended.</summary>
internal enum TryEnd
{
    /// <summary>The app has responded, or the response was ended in order.</summary>
    Responded,

    /// <summary>The app has switched protocols, or was asked to and has responded as to any other request.</summary>
    Upgraded,

    /// <summary>The client left.</summary>
    ClientLeft,

    /// <summary>The slot has not taken the request: it may be sent again as it is, and the client has got nothing yet.</summary>
    NotTaken,

    /// <summary>Something else went wrong: the request is over.</summary>
    Failed,
}

/// <summary>What the forwarder's result means: whether the request is over, whose fault it was, and whether it may be sent again.</summary>
/// <param name="End">How the try ended.</param>
/// <param name="Failure">What the forwarder has to say; null only where nothing failed.</param>
internal readonly record struct TryOutcome(TryEnd End, IForwarderErrorFeature? Failure)
{
    /// <summary>The connection was refused; otherwise it was ended before a response, or behind the head of one.</summary>
    public bool WasRefused => Failure?.Exception is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError };

    /// <summary>The failure in the operating system's words.</summary>
    public string Reason => Failure?.Exception?.GetBaseException().Message ?? "no exception";

    /// <summary>Looks at a request that the forwarder has returned from.</summary>
    /// <param name="life">Of the try.</param>
    /// <param name="clientLeft">Whether its client has left by now.</param>
    public static TryOutcome Of(HttpContext context, ForwardedRequest request, RequestCancellation life, bool clientLeft)
    {
        if (request.Tunnel is not null || request.IsWebSocketUnsupported)
        {
            return new(TryEnd.Upgraded, null);
        }

        // What was told to end in order and did not within its grace is no failure of the slot.
        // Nor is a request that was not read to its end, once the app's whole response is on its way: the app did not want the rest.
        if (context.Features.Get<IForwarderErrorFeature>() is not { } failure || life.EndsInOrder || (request.ResponseEnded && IsOfRequestBody(failure.Error)))
        {
            return new(TryEnd.Responded, null);
        }

        // A response that the app has broken off is cut by YARP, which looks as if the client had left. Had it left, that would be the failure.
        if (clientLeft && failure.Error != ForwarderError.ResponseBodyDestination)
        {
            return new(TryEnd.ClientLeft, failure);
        }

        var failed = new TryOutcome(TryEnd.Failed, failure);
        return (failed.WasRefused || failure.Exception is NoResponseException || BrokeOff(context, failure))
            && !context.Response.HasStarted
            && !life.HasEnded
            ? failed with { End = TryEnd.NotTaken }
            : failed;
    }

    /// <summary>Whether the proxy could open no connection to anybody.</summary>
    public bool IsOwnFault(SlotAddress address) => WasRefused && UpstreamClient.IsOwnFault(Failure!.Exception!.InnerException, address.EndPoint);

    /// <summary>Whether the slot has failed. What a client causes says nothing of it, so that nobody outside can make a deploy be rolled back.</summary>
    public bool IsErrorOfSlot(ForwardedRequest request) =>
        !IsOfClient(Failure!.Error) && !request.ResponseEnded && !request.IsSwitchUnfit && request.ClientBody is not { WasAwaited: true };

    /// <summary>
    /// The response ended behind its head, and the request is safe to repeat. A worker that is told to quit ends between the two writes of a response
    /// (gunicorn sends head and body apart); nothing of it has reached the client yet.
    /// </summary>
    private static bool BrokeOff(HttpContext context, IForwarderErrorFeature failure) =>
        failure.Error == ForwarderError.ResponseBodyDestination
        && UpstreamClient.IsSafe(context.Request.Method)
        && context.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: true };

    private static bool IsOfClient(ForwarderError error) => error
        is ForwarderError.RequestBodyClient or ForwarderError.ResponseBodyClient or ForwarderError.UpgradeRequestClient or ForwarderError.UpgradeResponseClient;

    private static bool IsOfRequestBody(ForwarderError error) => error
        is ForwarderError.RequestBodyClient or ForwarderError.RequestBodyDestination or ForwarderError.RequestBodyCanceled;
}
