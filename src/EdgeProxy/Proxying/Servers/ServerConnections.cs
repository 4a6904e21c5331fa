using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using EdgeProxy.Proxying.Upstream;
using Microsoft.AspNetCore.Connections;
using Microsoft.Net.Http.Headers;

namespace EdgeProxy.Proxying.Servers;

/// <summary>The clients of servers that are no slots, as the forwarder's innermost handler: one for each host and port that the settings name.</summary>
internal sealed class ServerConnections(UpstreamOptions options, TimeProvider time, IMemoryPoolFactory<byte>? buffers = null) : HttpMessageHandler
{
    /// <summary>Of what is told of an exchange. Absent where YARP asks for itself (health).</summary>
    private static readonly HttpRequestOptionsKey<ForwardedRequest> _observer = new("EdgeProxy.ForwardedRequest");

    private readonly MemoryPool<byte> _buffers = buffers?.Create() ?? MemoryPool<byte>.Shared;
    private readonly ConcurrentDictionary<string, UpstreamClient> _clients = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Open connections to all servers now, idle ones included.</summary>
    public int Open => _clients.Values.Sum(client => client.Connections.Open);

    /// <summary>Requests that were sent a second time, since the proxy started.</summary>
    public long Repeats => _clients.Values.Sum(client => client.Repeats);

    /// <summary>Lets the exchange tell what becomes of a request.</summary>
    public static void Observe(HttpRequestMessage message, ForwardedRequest request) => message.Options.Set(_observer, request);

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var uri = request.RequestUri!;
        request.Options.TryGetValue(_observer, out var observer);
        return ClientOf(uri).SendAsync(request, uri.PathAndQuery, observer, request.Headers.NonValidated.Contains(HeaderNames.Upgrade), cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var client in _clients.Values)
            {
                client.Dispose();
            }
        }

        base.Dispose(disposing);
    }

    private UpstreamClient ClientOf(Uri uri) =>
        _clients.TryGetValue(uri.Authority, out var client) ? client
        : _clients.GetOrAdd(uri.Authority, new UpstreamClient(EndPointOf(uri), options, time, _buffers)); // one too many has nothing to dispose of

    private static EndPoint EndPointOf(Uri uri) =>
        IPAddress.TryParse(uri.DnsSafeHost, out var address) ? new IPEndPoint(address, uri.Port) : new DnsEndPoint(uri.IdnHost, uri.Port);
}
