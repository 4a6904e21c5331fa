using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.Tests.Fleet;

/// <summary>A balancer of connections: each goes to the next node that takes it.</summary>
internal sealed class RoundRobin : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _accepting;
    private int _next;

    public RoundRobin(int port, IReadOnlyList<int> nodes)
    {
        _listener = new TcpListener(IPAddress.Loopback, port);
        _listener.Start();
        _accepting = AcceptAsync(nodes);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Dispose();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    private async Task AcceptAsync(IReadOnlyList<int> nodes)
    {
        while (true)
        {
            _ = ServeAsync(await _listener.AcceptTcpClientAsync(_stopping.Token), nodes, _stopping.Token);
        }
    }

    private async Task ServeAsync(TcpClient client, IReadOnlyList<int> nodes, CancellationToken stopping)
    {
        using var _ = client;
        var first = Interlocked.Increment(ref _next);
        for (var tries = 0; tries < nodes.Count; tries++)
        {
            var at = (first + tries) % nodes.Count;
            using var node = new TcpClient();
            try
            {
                await node.ConnectAsync(IPAddress.Loopback, nodes[at], stopping);
            }
            catch (SocketException)
            {
                continue;
            }

            var (here, there) = (client.GetStream(), node.GetStream());
            await Task.WhenAny(here.CopyToAsync(there, stopping), there.CopyToAsync(here, stopping)).ConfigureAwait(ConfigureAwaitOptions.None);
            return;
        }
    }
}
