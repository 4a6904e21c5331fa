using System.Text;
using EdgeProxy.Proxying.Servers;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Proxying;

/// <summary>Gives the clusters of each app its <see cref="SlotConnections"/>, those that <see cref="ServerClusters"/> has marked
/// <see cref="ServerConnections"/>, and every other one YARP's own client, which passes headers on byte for byte as well, and uses no connection again on which
/// a body may still come.</summary>
internal sealed class SlotHttpClientFactory(ProxiedApps apps, ServerConnections servers, ILogger<ForwarderHttpClientFactory> logger)
    : ForwarderHttpClientFactory(logger), IForwarderHttpClientFactory
{
    private readonly HttpMessageInvoker[] _apps = [.. apps.All.Select(app => new HttpMessageInvoker(app.Connections, disposeHandler: false))];
    private readonly HttpMessageInvoker _servers = new(servers, disposeHandler: false);

    HttpMessageInvoker IForwarderHttpClientFactory.CreateClient(ForwarderHttpClientContext context) =>
        apps.OfCluster(context.ClusterId) is { } app ? _apps[app.Identity.Index]
        : ServerClusters.HaveOwnClient(context.NewMetadata) ? _servers
        : CreateClient(context);

    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        base.ConfigureHandler(context, handler);
        handler.RequestHeaderEncodingSelector ??= static (_, _) => Encoding.Latin1;
        handler.PlaintextStreamFilter = static (context, _) => ValueTask.FromResult(
            context.NegotiatedHttpVersion.Major == 1 ? new BodilessEnd(context.PlaintextStream) : context.PlaintextStream);
    }
}
