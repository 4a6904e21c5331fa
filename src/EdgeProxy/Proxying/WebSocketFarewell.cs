using EdgeProxy.Slots;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Proxying;

/// <summary>Puts a <see cref="WebSocketRelay"/> between the forwarder and the client of a WebSocket, over HTTP/1.1 (upgrade) or HTTP/2 (extended CONNECT).</summary>
internal sealed class WebSocketFarewell : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    private readonly RequestLife _life;
    private readonly IHttpUpgradeFeature? _upgrade;
    private readonly IHttpExtendedConnectFeature? _connect;
    private WebSocketRelay? _relay;

    private WebSocketFarewell(RequestLife life, IFeatureCollection features)
    {
        _life = life;
        _upgrade = features.Get<IHttpUpgradeFeature>();
        _connect = features.Get<IHttpExtendedConnectFeature>();
    }

    public bool IsUpgradableRequest => _upgrade is { IsUpgradableRequest: true };

    public bool IsExtendedConnect => _connect is { IsExtendedConnect: true };

    public string? Protocol => _connect?.Protocol;

    /// <summary>Runs the rest of the pipeline. Once both ends have agreed to speak WebSocket, they are told when it is time to end.</summary>
    public static async Task ForwardAsync(HttpContext context, RequestLife life, RequestDelegate next)
    {
        var farewell = new WebSocketFarewell(life, context.Features);
        context.Features.Set<IHttpUpgradeFeature>(farewell);
        context.Features.Set<IHttpExtendedConnectFeature>(farewell);
        try
        {
            await next(context);
        }
        finally
        {
            context.Features.Set(farewell._upgrade);
            context.Features.Set(farewell._connect);
            await (farewell._relay?.FinishAsync() ?? Task.CompletedTask);
        }
    }

    public async Task<Stream> UpgradeAsync()
    {
        var due = _life.EndInOrder(LeaseClass.WebSocket); // before the client hears of it: from then on it may not just be cut
        return _relay = new WebSocketRelay(await _upgrade!.UpgradeAsync(), _life, due);
    }

    public async ValueTask<Stream> AcceptAsync()
    {
        var due = _life.EndInOrder(LeaseClass.WebSocket);
        return _relay = new WebSocketRelay(await _connect!.AcceptAsync(), _life, due);
    }
}
