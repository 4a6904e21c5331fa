using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EdgeProxy.Tests.Support;

/// <summary>A response as it came. <see cref="IsWhole"/> is false where the connection was cut in its body.</summary>
internal sealed record RawResponse(int Status, IReadOnlyDictionary<string, string> Headers, string Body, bool IsWhole)
{
    public bool Closes => Headers.TryGetValue("Connection", out var connection) && connection.Equals("close", StringComparison.OrdinalIgnoreCase);
}

/// <summary>A client that sends what it is told, byte for byte, and reads responses one at a time.</summary>
/// <param name="bufferSize">In bytes, for what is read at a time.</param>
internal sealed class RawClient(int bufferSize = 16 * 1024) : IDisposable
{
    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly StringBuilder _unread = new();
    private readonly byte[] _buffer = new byte[bufferSize];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<RawClient> ConnectAsync(DataPlane proxy)
    {
        var client = new RawClient();
        await client.ConnectAsync(proxy.Address.Port);
        return client;
    }

    /// <param name="port">Of this machine.</param>
    public Task ConnectAsync(int port) => _socket.ConnectAsync(IPAddress.Loopback, port, Cancellation).AsTask();

    /// <summary>The other side may have hung up in the middle: then the rest is not sent.</summary>
    /// <param name="isWhole">It must: a connection that is reset meanwhile fails the test.</param>
    public async Task SendAsync(string bytes, bool isWhole = false)
    {
        try
        {
            var rest = Encoding.Latin1.GetBytes(bytes).AsMemory();
            while (rest.Length > 0)
            {
                rest = rest[await _socket.SendAsync(rest, Cancellation)..];
            }
        }
        catch (SocketException) when (!isWhole)
        {
            // Responses that have come can still be read, unless it was reset.
        }
    }

    public void CloseSending()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // It is closed already.
        }
    }

    /// <summary>RST instead of FIN: what is under way is lost.</summary>
    public void ResetWhenClosed() => _socket.LingerState = new LingerOption(enable: true, seconds: 0);

    /// <summary>The next final response; null: the connection ended before one.</summary>
    /// <param name="method">Of its request: a response to HEAD has no body.</param>
    public async Task<RawResponse?> ReadResponseAsync(string method = "GET")
    {
        while (await ReadToAsync("\r\n\r\n") is { } head)
        {
            var lines = head.Split("\r\n");
            var status = int.Parse(lines[0].AsSpan(9, 3), CultureInfo.InvariantCulture);
            if (status is >= 100 and < 200 and not 101)
            {
                continue;
            }

            var headers = lines.Skip(1).Select(line => line.Split(": ", 2)).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.OrdinalIgnoreCase);
            var (body, whole) = method == "HEAD" || status is 101 or 204 or 304 ? ("", true) : await ReadBodyAsync(headers);
            return new RawResponse(status, headers, body, whole);
        }

        return null;
    }

    /// <summary>So many bytes; null: the end came first.</summary>
    public async Task<string?> ReadAsync(int count)
    {
        while (_unread.Length < count)
        {
            if (!await FillAsync())
            {
                return null;
            }
        }

        var text = _unread.ToString(0, count);
        _unread.Remove(0, count);
        return text;
    }

    /// <summary>Waits until the proxy has closed the connection.</summary>
    /// <returns>What came before.</returns>
    public async Task<string> ReadToEndAsync()
    {
        while (await FillAsync())
        {
        }

        return _unread.ToString();
    }

    public void Dispose() => _socket.Dispose();

    private async Task<(string Body, bool Whole)> ReadBodyAsync(Dictionary<string, string> headers)
    {
        if (headers.TryGetValue("Content-Length", out var length))
        {
            var body = await ReadAsync(int.Parse(length, CultureInfo.InvariantCulture));
            return body is null ? (_unread.ToString(), false) : (body, true);
        }

        if (!headers.ContainsKey("Transfer-Encoding"))
        {
            return (await ReadToEndAsync(), true);
        }

        var chunks = new StringBuilder();
        while (await ReadToAsync("\r\n") is { } size)
        {
            var chunk = await ReadAsync(int.Parse(size, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) + 2);
            if (chunk is null or "\r\n")
            {
                return (chunks.ToString(), chunk is not null);
            }

            chunks.Append(chunk.AsSpan(0, chunk.Length - 2));
        }

        return (chunks.ToString(), false);
    }

    /// <summary>Up to the mark, which is taken too; null: the end came first.</summary>
    private async Task<string?> ReadToAsync(string mark)
    {
        while (true)
        {
            var text = _unread.ToString();
            if (text.IndexOf(mark, StringComparison.Ordinal) is var at and >= 0)
            {
                _unread.Remove(0, at + mark.Length);
                return text[..at];
            }

            if (!await FillAsync())
            {
                return null;
            }
        }
    }

    private async Task<bool> FillAsync()
    {
        try
        {
            var count = await _socket.ReceiveAsync(_buffer, Cancellation).AsTask().WaitAsync(Eventually.Patience, Cancellation);
            _unread.Append(Encoding.Latin1.GetString(_buffer, 0, count));
            return count > 0;
        }
        catch (SocketException)
        {
            return false; // a reset is an end, too
        }
    }
}
