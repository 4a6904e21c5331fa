using EdgeProxy.Http;
using EdgeProxy.Proxying.Spooling;
using EdgeProxy.Proxying.Upgrades;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Proxying.Servers;

/// <summary>Sends requests to servers that are no slots, as <see cref="SlotForwarder"/> does to an app: three steps of YARP's pipeline, around its choice of
/// one server.</summary>
/// <remarks>Nothing waits for such a server or is tried on another one, unless <see cref="ServerTries"/> says so.</remarks>
internal sealed class ServerRequests(ServerOptions options, TimeProvider time, IHostApplicationLifetime process, StopDeadline stop)
{
    private static readonly LeaseClassifier _classifier = new([]);

    private readonly BodyIntake _intake = new(new RequestBuffering(options.Upstream, options.Spool, time), stop);

    /// <summary>The first step: the body is received, before a server is chosen.</summary>
    /// <param name="next">What chooses, and calls <see cref="ForwardAsync"/>.</param>
    public async Task TakeInAsync(HttpContext context, RequestDelegate next)
    {
        var request = new ForwardedRequest(time);
        context.Features.Set<IForwardedRequest>(request);
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true }
            && !await _intake.TakeAsync(context, request, _classifier.Classify(context)))
        {
            return;
        }

        using var spool = request.Spooled?.Request; // null: nothing of the body had to wait
        await next(context);
        if (request.Life is { IsBrokenOff: true } broken)
        {
            await ClientOutput.BreakOffAsync(context, broken.ResetCode, time, stop.Passed);
        }
    }

    /// <inheritdoc cref="ServerTries.InvokeAsync"/>
    public Task TryAsync(HttpContext context, RequestDelegate next) => ServerTries.InvokeAsync(context, next, time, stop.Passed);

    /// <summary>The last step.</summary>
    /// <param name="next">The forwarder.</param>
    public async Task ForwardAsync(HttpContext context, RequestDelegate next)
    {
        var request = ForwardedRequest.Of(context)!;
        var clientLeft = context.RequestAborted;
        using var life = new RequestCancellation(_classifier.Classify(context), time, clientLeft, process.ApplicationStopping, stop.Passed);
        request.Try(life);

        life.Enter(context);
        await next(context);
        life.Leave(context);

        var outcome = TryOutcome.Of(context, request, life, clientLeft.IsCancellationRequested);
        if (outcome.Failure is null || !outcome.IsErrorOfSlot(request))
        {
            // What a client causes says nothing of the server: nobody outside can make it be left out (passive health checks).
            context.Features.Set<IForwarderErrorFeature>(null);
        }

        if (!life.HasEnded && context.Features.Get<ServerTries>()?.TakeBack(context, outcome) == true)
        {
            return;
        }

        switch (outcome.End)
        {
            case TryEnd.Responded:
                break;
            case TryEnd.Upgraded:
                await UpgradedRequest.FinishAsync(context, request, life, options.Upstream, time, clientLeft);
                break;
            case TryEnd.ClientLeft:
                request.ClientLeft = true;
                GatewayErrors.ClientLeft(context);
                break;
            default:
                await ServerErrors.WriteAsync(context, request, life, outcome.Failure!);
                break;
        }
    }
}
