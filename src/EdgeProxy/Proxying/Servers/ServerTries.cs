using System.Globalization;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Proxying.Servers;

/// <summary>Tries a request on the other servers of its cluster while none has taken it: for clusters whose metadata says for how long. A feature of its
/// <see cref="HttpContext"/>.</summary>
/// <param name="duration">From the first try to the last one. Zero: each server is tried once.</param>
/// <param name="ended">The end of the proxy.</param>
internal sealed class ServerTries(TimeSpan duration, TimeProvider time, CancellationToken ended)
{
    /// <summary>Of a cluster: the duration.</summary>
    public const string Metadata = "EdgeProxy.TryDuration";

    /// <summary>Between two rounds over all servers.</summary>
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(250);

    private readonly long _start = time.GetTimestamp();
    private readonly HashSet<DestinationState> _tried = [];
    private bool _isTakenBack;

    /// <summary>A step of YARP's pipeline, in front of its choice of one server.</summary>
    /// <param name="next">What chooses, and calls <see cref="ServerRequests.ForwardAsync"/>. Called once more for each further try.</param>
    /// <param name="ended">The end of the proxy.</param>
    public static Task InvokeAsync(HttpContext context, RequestDelegate next, TimeProvider time, CancellationToken ended)
    {
        if (context.GetReverseProxyFeature().Cluster.Config.Metadata?.GetValueOrDefault(Metadata) is not { } text)
        {
            return next(context);
        }

        var tries = new ServerTries(TimeSpan.Parse(text, CultureInfo.InvariantCulture), time, ended);
        context.Features.Set(tries);
        return tries.RunAsync(context, next);
    }

    /// <summary>Whether there is another try; then the client must get nothing yet.</summary>
    /// <param name="outcome">Of the one that is over.</param>
    public bool TakeBack(HttpContext context, TryOutcome outcome)
    {
        // With no server left a client that has gone ends the tries: for it no pause is one.
        var mayGoOn = outcome.End == TryEnd.NotTaken
            || (outcome is { End: TryEnd.Failed, Failure.Error: ForwarderError.NoAvailableDestinations } && !context.Response.HasStarted);
        if (outcome.End == TryEnd.NotTaken && context.GetReverseProxyFeature().ProxiedDestination is { } server)
        {
            _tried.Add(server);
        }

        return _isTakenBack = mayGoOn && (IsInTime || (duration == TimeSpan.Zero && Untried(context).Count > 0));
    }

    private bool IsInTime => time.GetElapsedTime(_start) < duration;

    private static IReadOnlyList<DestinationState> Available(HttpContext context) =>
        context.GetRouteModel().Cluster!.DestinationsState.AvailableDestinations;

    private List<DestinationState> Untried(HttpContext context) => [.. Available(context).Where(server => !_tried.Contains(server))];

    private async Task RunAsync(HttpContext context, RequestDelegate next)
    {
        await next(context);
        while (_isTakenBack)
        {
            context.Features.Set<IForwarderErrorFeature>(null);
            context.Response.Clear(); // YARP left its 502, and takes a response that is not clean for one that has started
            if (Untried(context) is { Count: > 0 } others)
            {
                context.GetReverseProxyFeature().AvailableDestinations = others;
            }
            else
            {
                _tried.Clear();
                do
                {
                    await Task.Delay(_pause, time, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // the next try sees it
                }
                while (Available(context).Count == 0 && IsInTime && !context.RequestAborted.IsCancellationRequested && !ended.IsCancellationRequested);

                context.GetReverseProxyFeature().AvailableDestinations = Available(context);
            }

            _isTakenBack = false;
            await next(context);
        }
    }
}
