using System.Buffers;
using EdgeProxy.Proxying.Upstream;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Proxying;

/// <summary>The clients of the two slots, as the forwarder's innermost handler.</summary>
/// <remarks>Where connections end without a response, <see cref="NoResponseException"/> tells <see cref="SlotForwarder"/>, which finds out whether the slot is
/// being restarted.</remarks>
internal sealed class SlotConnections : HttpMessageHandler
{
    private readonly UpstreamClient[] _clients;

    /// <param name="buffers">Makes the pool of receive buffers; null: the runtime's shared one.</param>
    public SlotConnections(SlotPair slots, UpstreamOptions options, TimeProvider time, IMemoryPoolFactory<byte>? buffers = null)
    {
        var pool = buffers?.Create() ?? MemoryPool<byte>.Shared;
        var abandonment = options.Places is null ? null : new Abandonment(options.ActivityTimeout, time);
        _clients = [ClientOf(SlotName.Blue), ClientOf(SlotName.Green)];

        UpstreamClient ClientOf(SlotName slot) => new(slots[slot].Address.EndPoint, options, time, pool, abandonment);
    }

    /// <summary>Open connections to a slot now, idle ones included.</summary>
    public int Open(SlotName slot) => Of(slot).Connections.Open;

    /// <summary>Connections to a slot that are being opened now.</summary>
    public int Opening(SlotName slot) => Of(slot).Connections.Opening;

    /// <summary>Open connections to a slot that wait for a next request.</summary>
    public int Idle(SlotName slot) => Of(slot).Connections.Idle;

    /// <summary>Connections that a slot has not accepted, since the proxy started.</summary>
    public long Failures(SlotName slot) => Of(slot).Failures;

    /// <summary>Requests that were sent a second time, since the proxy started.</summary>
    public long Repeats => _clients.Sum(client => client.Repeats);

    /// <summary>Closes the slot's idle connections at once; a request that still runs finishes and closes its own. The next request opens new ones.</summary>
    /// <remarks>gunicorn's threaded workers do not end before their idle connections do.</remarks>
    public void CloseIdle(SlotName slot) => Of(slot).Connections.CloseAll();

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var target = (UpstreamTarget)request.RequestUri!;
        return Of(target.Slot).SendAsync(request, target.Target, target.Request, target.IsUpgrade, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var client in _clients)
            {
                client.Dispose();
            }
        }

        base.Dispose(disposing);
    }

    private UpstreamClient Of(SlotName slot) => _clients[(int)slot];
}
