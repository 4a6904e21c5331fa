using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.Tests.Support;

/// <summary>Resets each connection as soon as the kernel has accepted it, before its client can do anything with it: as a server that dies, or gives up its
/// port, does with what has queued.</summary>
internal sealed class ResettingServer : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Thread _accepting;

    public ResettingServer()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        _accepting = new Thread(Accept); // its own: no hop between accept and reset
        _accepting.Start();
    }

    public string Address => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndPoint!).Port}";

    public void Dispose()
    {
        _listener.Dispose();
        Assert.True(_accepting.Join(Eventually.Patience));
    }

    private void Accept()
    {
        try
        {
            while (true)
            {
                using var connection = _listener.Accept();
                connection.LingerState = new LingerOption(enable: true, seconds: 0);
            }
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException)
        {
            // Disposed: while it waited in accept(2), or before it came there.
        }
    }
}
