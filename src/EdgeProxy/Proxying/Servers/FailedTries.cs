using System.Globalization;
using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Proxying.Servers;

/// <summary>Leaves a server out when so many requests have failed to reach it within the cluster's reactivation period, until the first of them is as long
/// ago. As Caddy's <c>fail_duration</c> and <c>max_fails</c>.</summary>
internal sealed class FailedTries(IDestinationHealthUpdater health, TimeProvider time) : IPassiveHealthCheckPolicy
{
    public const string PolicyName = "EdgeProxy.FailedTries";

    /// <summary>Of a cluster: how many.</summary>
    public const string Metadata = "EdgeProxy.MaxFails";

    private readonly ConditionalWeakTable<DestinationState, Queue<long>> _failures = [];

    public string Name => PolicyName;

    public void RequestProxied(HttpContext context, ClusterState cluster, DestinationState destination)
    {
        if (context.Features.Get<IForwarderErrorFeature>() is not { } failure || !IsOfServer(failure.Error) || context.RequestAborted.IsCancellationRequested)
        {
            return;
        }

        var config = cluster.Model.Config;
        var period = config.HealthCheck!.Passive!.ReactivationPeriod!.Value;
        var most = int.Parse(config.Metadata![Metadata], CultureInfo.InvariantCulture);
        var failures = _failures.GetValue(destination, _ => new Queue<long>());
        TimeSpan since;
        lock (failures)
        {
            failures.Enqueue(time.GetTimestamp());
            if (failures.Count < most)
            {
                return;
            }

            while (failures.Count > most)
            {
                failures.Dequeue();
            }

            since = time.GetElapsedTime(failures.Peek());
        }

        if (since < period)
        {
            health.SetPassive(cluster, destination, DestinationHealth.Unhealthy, period - since);
        }
    }

    /// <summary>No response has begun. One that breaks off later shows that the server is there, and Caddy does not count it, either.</summary>
    private static bool IsOfServer(ForwarderError error) => error is ForwarderError.Request or ForwarderError.RequestTimedOut;
}
