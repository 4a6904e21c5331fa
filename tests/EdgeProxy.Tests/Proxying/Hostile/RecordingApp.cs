using System.Collections.Concurrent;
using System.Net.Sockets;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.Hostile;

/// <summary>An app that takes every byte it gets for a request or for a fault, and responds to each request with what it understood: <c>GET /path
/// body</c>.</summary>
internal sealed class RecordingApp : IAsyncDisposable
{
    private readonly ConcurrentQueue<SeenRequest> _seen = [];
    private readonly ConcurrentQueue<string> _faults = [];
    private readonly RawServer _server;

    private int _open;

    public RecordingApp() => _server = new RawServer(ServeAsync);

    public string Address => _server.Address;

    /// <summary>Connections that have been accepted and have not ended.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>What came since the last call, in order.</summary>
    public IReadOnlyList<SeenRequest> Take()
    {
        var taken = new List<SeenRequest>();
        while (_seen.TryDequeue(out var request))
        {
            taken.Add(request);
        }

        return taken;
    }

    /// <summary>What came since the last call and was no request: malformed, or broken off.</summary>
    public IReadOnlyList<string> TakeFaults()
    {
        var taken = new List<string>();
        while (_faults.TryDequeue(out var fault))
        {
            taken.Add(fault);
        }

        return taken;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task ServeAsync(NetworkStream stream, int connection, CancellationToken cancellation)
    {
        Interlocked.Increment(ref _open);
        var (buffer, filled) = (new byte[256 * 1024], 0);
        try
        {
            while (await ReadAsync(stream, buffer.AsMemory(filled), cancellation) is var count and > 0)
            {
                filled += count;
                while (SeenRequest.TryRead(buffer.AsSpan(0, filled), out var request, out var length))
                {
                    _seen.Enqueue(request!);
                    buffer.AsSpan(length..filled).CopyTo(buffer);
                    filled -= length;
                    var response = request!.ToString();
                    await RawServer.WriteAsync(
                        stream, $"HTTP/1.1 200 OK\r\nContent-Length: {response.Length}\r\n\r\n{(request.Method == "HEAD" ? "" : response)}", cancellation);
                }
            }

            if (filled > 0)
            {
                _faults.Enqueue($"broken off: {System.Text.Encoding.Latin1.GetString(buffer, 0, filled)}");
            }
        }
        catch (FormatException fault)
        {
            _faults.Enqueue($"malformed: {fault.Message}");
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }

    /// <summary>A reset is an end, too.</summary>
    private static async ValueTask<int> ReadAsync(NetworkStream stream, Memory<byte> buffer, CancellationToken cancellation)
    {
        try
        {
            return await stream.ReadAsync(buffer, cancellation);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
