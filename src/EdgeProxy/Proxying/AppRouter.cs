using EdgeProxy.Diagnostics.ServerEvents;
using EdgeProxy.Proxying.Candidates;
using EdgeProxy.Proxying.Places;
using EdgeProxy.Proxying.RateLimiting;
using EdgeProxy.Proxying.Spooling;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace EdgeProxy.Proxying;

/// <summary>Hands each request of YARP's pipeline to the app that it belongs to, and others to the clusters of the settings.</summary>
/// <remarks>An app that is alone costs a request what it did when there was nothing to choose: one field is read.</remarks>
internal sealed class AppRouter
{
    private readonly Target? _only;
    private readonly AppHosts<Target> _hosts;
    private readonly Dictionary<string, Target> _clusters;

    public AppRouter(
        ProxiedApps apps,
        IProxyStateLookup clusters,
        TimeProvider time,
        IHostApplicationLifetime process,
        StopDeadline stop,
        ProxyingMetrics metrics,
        PlaceMetrics placeMetrics,
        ServerLog server)
    {
        var targets = apps.All.Select(app => new Target(app, ClusterOf(AppCluster.IdOf(app.Name)), ForwarderOf(app))).ToList();
        _only = targets is [var only] ? only : null;
        _hosts = new AppHosts<Target>(targets.SelectMany(target => target.App.Options.Hosts, (target, host) => (host, target)));
        _clusters = targets.ToDictionary(target => target.App.Name, StringComparer.OrdinalIgnoreCase);
        OnlyCluster = _only is null ? null : AppCluster.IdOf(targets[0].App.Name);

        SlotForwarder ForwarderOf(ProxiedApp app)
        {
            var upstream = app.Options.Upstream;
            var log = new FailedRequestLog(server, time, app.Loggers.CreateLogger<SlotForwarder>());
            return new SlotForwarder(
                app.Slots,
                app.Gate,
                new LeaseClassifier(app.Options.StreamPaths),
                new BodyIntake(new RequestBuffering(upstream, app.Spool, time), stop),
                new RequestWaits(app.Outage, app.Gate, app.Places, upstream, time, process, stop, metrics, placeMetrics, log),
                app.Places,
                new ClientChoices(app.Name, app.Options.TestClients, time),
                ClusterOf(AppCluster.StreamsIdOf(app.Name)),
                upstream,
                time,
                process,
                stop,
                log);
        }

        ClusterState ClusterOf(string id) =>
            clusters.TryGetCluster(id, out var cluster) ? cluster : throw new InvalidOperationException($"the cluster {id} is not loaded");
    }

    /// <summary>The cluster of the app that is alone; null: there are several.</summary>
    private string? OnlyCluster { get; }

    /// <param name="others">YARP's steps for a cluster of the settings.</param>
    /// <param name="forward">The forwarder.</param>
    public Task InvokeAsync(HttpContext context, RequestDelegate others, RequestDelegate forward)
    {
        var route = context.GetReverseProxyFeature();
        return _only is null ? InvokeOneOfSeveralAsync(context, route, others, forward)
            : LimitedRequestBody.Refuses(context, out var tooLarge) ? GatewayErrors.WriteAsync(context, StatusCodes.Status413PayloadTooLarge, tooLarge)
            : route.Cluster.Config.ClusterId != OnlyCluster ? others(context)
            : _only.InvokeAsync(context, forward);
    }

    private Task InvokeOneOfSeveralAsync(HttpContext context, IReverseProxyFeature route, RequestDelegate others, RequestDelegate forward)
    {
        Target? target;
        if (route.Route.Config.RouteId == AppCluster.RouteId)
        {
            target = _hosts.Find(context.Request.Headers.Host.ToString());
            if (target is null)
            {
                // RFC 9110 section 15.5.20
                return GatewayErrors.WriteAsync(context, StatusCodes.Status421MisdirectedRequest, "No app is served under this host.");
            }

            if (target.Cluster.ClusterId != route.Cluster.Config.ClusterId)
            {
                context.ReassignProxyRequest(target.Cluster);
            }
        }
        else
        {
            _clusters.TryGetValue(route.Cluster.Config.ClusterId, out target);
        }

        // The limit of the public server is that of the app that takes most.
        if (target?.App.Options.Upstream.MaxRequestBodySize is { } limit)
        {
            LimitedRequestBody.Lower(context, limit);
        }

        return LimitedRequestBody.Refuses(context, out var tooLarge) ? GatewayErrors.WriteAsync(context, StatusCodes.Status413PayloadTooLarge, tooLarge)
            : target is null ? others(context)
            : target.InvokeAsync(context, forward);
    }

    private sealed record Target(ProxiedApp App, ClusterState Cluster, SlotForwarder Forwarder)
    {
        private readonly RateLimits? _limits = App.Limits;

        public Task InvokeAsync(HttpContext context, RequestDelegate forward) => _limits?.Refuse(context) ?? Forwarder.InvokeAsync(context, forward);
    }
}
