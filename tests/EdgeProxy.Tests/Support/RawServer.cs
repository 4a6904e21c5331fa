using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EdgeProxy.Tests.Support;

/// <summary>A server of raw bytes, for what no well-behaved server does. Each connection is handed to a script and closed after it.</summary>
internal sealed class RawServer : IAsyncDisposable
{
    private readonly Socket _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private int _connections;
    private int _open;

    /// <param name="script">Gets the stream and the connection's number, from 0.</param>
    /// <param name="unixSocket">Where to listen; null: on a loopback port.</param>
    /// <param name="port">Which one; 0: one that is free.</param>
    public RawServer(Func<NetworkStream, int, CancellationToken, Task> script, string? unixSocket = null, int port = 0)
    {
        EndPoint endPoint = unixSocket is null ? new IPEndPoint(IPAddress.Loopback, port) : new UnixDomainSocketEndPoint(unixSocket);
        _listener = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(endPoint);
        _listener.Listen();
        Address = unixSocket is null ? $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndPoint!).Port}" : $"unix:{unixSocket}";
        _accepting = AcceptAsync(script);
    }

    /// <summary>As a slot's address.</summary>
    public string Address { get; }

    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Connections whose script has not ended.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Reads up to the blank line behind the headers.</summary>
    public static async Task<string> ReadHeadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!(head.Length >= 4 && head.ToString(head.Length - 4, 4) == "\r\n\r\n") && await stream.ReadAsync(one, cancellationToken) == 1)
        {
            head.Append((char)one[0]);
        }

        return head.ToString();
    }

    public static ValueTask WriteAsync(Stream stream, string text, CancellationToken cancellationToken) =>
        stream.WriteAsync(Encoding.Latin1.GetBytes(text), cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task AcceptAsync(Func<NetworkStream, int, CancellationToken, Task> script)
    {
        while (true)
        {
            var socket = await _listener.AcceptAsync(_stop.Token);
            Interlocked.Increment(ref _open);
            _ = RunAsync(socket, Interlocked.Increment(ref _connections) - 1);
        }

        async Task RunAsync(Socket socket, int number)
        {
            using (var stream = new NetworkStream(socket, ownsSocket: true))
            {
                await script(stream, number, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            Interlocked.Decrement(ref _open);
        }
    }
}
