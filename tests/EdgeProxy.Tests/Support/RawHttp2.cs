using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EdgeProxy.Tests.Support;

/// <summary>A frame of HTTP/2 (RFC 9113 section 4.1).</summary>
internal sealed record Http2Frame(int Type, int Flags, int Stream, byte[] Payload)
{
    public const int Data = 0;
    public const int Headers = 1;
    public const int Reset = 3;
    public const int Settings = 4;
    public const int GoAway = 7;
    public const int Continuation = 9;
}

/// <summary>A client of HTTP/2 without TLS that sends what it is told, malformed or not. Header fields go as literals, which say what they are.</summary>
internal sealed class RawHttp2 : IDisposable
{
    private const int EndStream = 1;
    private const int EndHeaders = 4;
    private const int MaxFrame = 16384;

    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <param name="proxy">Started with the setting <c>Kestrel:Endpoints:Http:Protocols</c>: <c>Http2</c>.</param>
    public static async Task<RawHttp2> ConnectAsync(DataPlane proxy)
    {
        var client = new RawHttp2();
        await client._socket.ConnectAsync(IPAddress.Loopback, proxy.Address.Port, Cancellation);
        await client.SendAsync([.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(Http2Frame.Settings, 0, 0, [])]);
        return client;
    }

    public static byte[] Frame(int type, int flags, int stream, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, (payload.Length << 8) | type);
        frame[4] = (byte)flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame.AsSpan(9));
        return frame;
    }

    /// <summary>A GET with what is named, in as many frames as it takes.</summary>
    public static byte[] Get(int stream, string path, params (string Name, string Value)[] fields) =>
        Request(stream, [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "api.example.com"), .. fields]);

    public static byte[] Request(int stream, params (string Name, string Value)[] fields)
    {
        var block = new List<byte>();
        foreach (var (name, value) in fields)
        {
            block.Add(0); // RFC 7541 section 6.2.2: literal, not indexed, new name
            AddText(block, name);
            AddText(block, value);
        }

        var frames = new List<byte>();
        var rest = block.ToArray().AsMemory();
        var type = Http2Frame.Headers;
        do
        {
            var part = rest[..Math.Min(rest.Length, MaxFrame)];
            rest = rest[part.Length..];
            frames.AddRange(Frame(type, (type == Http2Frame.Headers ? EndStream : 0) | (rest.IsEmpty ? EndHeaders : 0), stream, part.Span));
            type = Http2Frame.Continuation;
        }
        while (!rest.IsEmpty);
        return [.. frames];
    }

    /// <summary>A request whose body, or trailers, are still to come.</summary>
    public static byte[] Open(int stream, string method, string path, params (string Name, string Value)[] fields)
    {
        const int flags = 4;
        var head = Request(stream, [(":method", method), (":scheme", "http"), (":path", path), (":authority", "api.example.com"), .. fields]);
        head[flags] &= unchecked((byte)~EndStream);
        return head;
    }

    public static byte[] Data(int stream, string text, bool isLast = false) =>
        Frame(Http2Frame.Data, isLast ? EndStream : 0, stream, Encoding.Latin1.GetBytes(text));

    /// <summary>WINDOW_UPDATE: one stream that is not read leaves room for others.</summary>
    public static byte[] OpenConnectionWindow() => Frame(8, 0, 0, [0x7F, 0, 0, 0]);

    /// <summary>RST_STREAM with CANCEL.</summary>
    public static byte[] Reset(int stream) => Frame(Http2Frame.Reset, 0, stream, [0, 0, 0, 8]);

    /// <summary>RST instead of FIN when it is closed.</summary>
    public void ResetWhenClosed() => _socket.LingerState = new LingerOption(enable: true, seconds: 0);

    public async Task SendAsync(byte[] bytes) => await _socket.SendAsync(bytes, Cancellation);

    /// <summary>The next frame that is of a stream, or ends the connection; null: the connection has ended.</summary>
    public async Task<Http2Frame?> ReadAsync()
    {
        while (await ReadFrameAsync() is { } frame)
        {
            if (frame.Stream > 0 || frame.Type == Http2Frame.GoAway)
            {
                return frame;
            }
        }

        return null;
    }

    /// <summary>Reads until a stream has ended.</summary>
    /// <returns>The body of its response, or how it ended otherwise: <c>reset</c>, <c>goaway</c>, <c>closed</c>.</returns>
    public async Task<string> ReadBodyAsync(int stream)
    {
        var body = new StringBuilder();
        while (await ReadAsync() is { } frame)
        {
            if (frame.Type == Http2Frame.GoAway)
            {
                return "goaway";
            }

            if (frame.Stream != stream)
            {
                continue;
            }

            if (frame.Type == Http2Frame.Reset)
            {
                return "reset";
            }

            body.Append(frame.Type == Http2Frame.Data ? Encoding.UTF8.GetString(frame.Payload) : "");
            if (frame.Type is Http2Frame.Data or Http2Frame.Headers && (frame.Flags & EndStream) != 0)
            {
                return body.ToString();
            }
        }

        return "closed";
    }

    public void Dispose() => _socket.Dispose();

    private static void AddText(List<byte> block, string text)
    {
        if (text.Length < 127)
        {
            block.Add((byte)text.Length);
        }
        else
        {
            block.Add(127); // RFC 7541 section 5.1: the rest follows, seven bits at a time
            var rest = text.Length - 127;
            for (; rest >= 128; rest /= 128)
            {
                block.Add((byte)((rest % 128) + 128));
            }

            block.Add((byte)rest);
        }

        block.AddRange(Encoding.Latin1.GetBytes(text));
    }

    private async Task<Http2Frame?> ReadFrameAsync()
    {
        var head = await ReadExactlyAsync(9);
        if (head is null)
        {
            return null;
        }

        var payload = await ReadExactlyAsync((head[0] << 16) | (head[1] << 8) | head[2]);
        return payload is null ? null : new Http2Frame(head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)) & int.MaxValue, payload);
    }

    private async Task<byte[]?> ReadExactlyAsync(int count)
    {
        var bytes = new byte[count];
        for (var read = 0; read < count;)
        {
            try
            {
                var more = await _socket.ReceiveAsync(bytes.AsMemory(read), Cancellation).AsTask().WaitAsync(Eventually.Patience, Cancellation);
                read += more > 0 ? more : throw new SocketException();
            }
            catch (SocketException)
            {
                return null;
            }
        }

        return bytes;
    }
}
