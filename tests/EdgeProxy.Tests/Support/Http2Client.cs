using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;

namespace EdgeProxy.Tests.Support;

/// <summary>One stream of an HTTP/2 connection, frame by frame (RFC 9113): an extended CONNECT (RFC 8441) whose ends are told apart from those of the
/// connection.</summary>
internal sealed class Http2Client : IAsyncDisposable
{
    private const byte Data = 0, Headers = 1, RstStream = 3, Settings = 4, Ping = 6, WindowUpdate = 8;
    private const byte EndStream = 1, Ack = 1, EndHeaders = 4;
    private const int MaxFrame = 16_384;

    private readonly Stream _connection;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly Channel<byte[]> _received = Channel.CreateUnbounded<byte[]>();
    private readonly TaskCompletionSource<int> _status = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _turn = new();
    private TaskCompletionSource _moreCredit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _connectionCredit = 65_535;
    private long _streamCredit = 65_535;
    private Task _reading = Task.CompletedTask;

    private Http2Client(Stream connection) => _connection = connection;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The status of the response.</summary>
    public Task<int> Status => _status.Task.WaitAsync(Eventually.Patience, Cancellation);

    /// <summary>The stream has ended with END_STREAM; false: with RST_STREAM or with the connection.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Opens the connection and sends an extended CONNECT.</summary>
    /// <param name="connection">Plain, or TLS that has agreed on h2.</param>
    public static async Task<Http2Client> ConnectAsync(Stream connection, string path = "/ws", string protocol = "websocket", string scheme = "http")
    {
        var client = new Http2Client(connection);
        byte[] head =
        [
            .. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8,
            .. Frame(Settings, 0, 0, [0, 4, 0x7F, 0xFF, 0xFF, 0xFF]), // INITIAL_WINDOW_SIZE
            .. Frame(WindowUpdate, 0, 0, [0x7F, 0, 0, 0]),
            .. Frame(Headers, EndHeaders, 1,
            [
                .. Field(":method", "CONNECT"),
                .. Field(":protocol", protocol),
                .. Field(":scheme", scheme),
                .. Field(":path", path),
                .. Field(":authority", "a"),
                .. Field("sec-websocket-version", "13"),
            ]),
        ];
        await connection.WriteAsync(head, Cancellation);
        client._reading = client.ReadAsync();
        return client;
    }

    /// <summary>DATA frames, as far as the server's windows let them.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes, bool endStream = false)
    {
        while (true)
        {
            var count = await TakeCreditAsync(Math.Min(bytes.Length, MaxFrame));
            var isLast = count == bytes.Length;
            await WriteAsync(Frame(Data, isLast && endStream ? EndStream : (byte)0, 1, bytes[..count].Span));
            bytes = bytes[count..];
            if (isLast)
            {
                return;
            }
        }
    }

    public Task ResetAsync() => WriteAsync(Frame(RstStream, 0, 1, [0, 0, 0, 8])); // CANCEL

    /// <summary>All DATA up to the end of the stream or the connection.</summary>
    public async Task<byte[]> ReadToEndAsync()
    {
        using var all = new MemoryStream();
        await foreach (var part in _received.Reader.ReadAllAsync(Cancellation))
        {
            all.Write(part);
        }

        return all.ToArray();
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _reading;
        _writing.Dispose();
    }

    private static byte[] Frame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8);
        (frame[3], frame[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame.AsSpan(9));
        return frame;
    }

    /// <summary>RFC 7541 section 6.2.2: a literal that nobody remembers.</summary>
    private static byte[] Field(string name, string value) =>
        [0, (byte)name.Length, .. Encoding.Latin1.GetBytes(name), (byte)value.Length, .. Encoding.Latin1.GetBytes(value)];

    private async Task WriteAsync(byte[] frame)
    {
        await _writing.WaitAsync(Cancellation);
        try
        {
            await _connection.WriteAsync(frame, Cancellation);
            await _connection.FlushAsync(Cancellation);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task<int> TakeCreditAsync(int wanted)
    {
        while (true)
        {
            Task more;
            lock (_turn)
            {
                var count = (int)Math.Min(wanted, Math.Min(_connectionCredit, _streamCredit));
                if (count > 0 || wanted == 0)
                {
                    _connectionCredit -= count;
                    _streamCredit -= count;
                    return count;
                }

                more = _moreCredit.Task;
            }

            await more.WaitAsync(Eventually.Patience, Cancellation);
        }
    }

    private void AddCredit(long connection, long stream)
    {
        lock (_turn)
        {
            _connectionCredit += connection;
            _streamCredit += stream;
            _moreCredit.TrySetResult();
            _moreCredit = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private async Task ReadAsync()
    {
        try
        {
            var head = new byte[9];
            while (true)
            {
                await _connection.ReadExactlyAsync(head, Cancellation);
                var payload = new byte[BinaryPrimitives.ReadInt32BigEndian(head) >>> 8];
                await _connection.ReadExactlyAsync(payload, Cancellation);
                await TakeAsync(head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), payload);
            }
        }
        catch (Exception end) when (end is IOException or ObjectDisposedException or OperationCanceledException or SocketException
            or InvalidOperationException) // the last: of an SslStream that is disposed at this very moment
        {
            // The connection has ended.
        }

        _received.Writer.TryComplete();
        _status.TrySetException(new EndOfStreamException("the connection ended before the response"));
    }

    private async Task TakeAsync(byte type, byte flags, int stream, byte[] payload)
    {
        switch (type)
        {
            case Settings when (flags & Ack) == 0:
                for (var at = 0; at < payload.Length; at += 6)
                {
                    if (payload[at + 1] == 4) // INITIAL_WINDOW_SIZE
                    {
                        AddCredit(0, BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(at + 2)) - 65_535);
                    }
                }

                await WriteAsync(Frame(Settings, Ack, 0, []));
                break;
            case WindowUpdate:
                var credit = BinaryPrimitives.ReadInt32BigEndian(payload);
                AddCredit(stream == 0 ? credit : 0, stream == 0 ? 0 : credit);
                break;
            case Ping when (flags & Ack) == 0:
                await WriteAsync(Frame(Ping, Ack, 0, payload));
                break;
            case Headers:
                _status.TrySetResult(StatusOf(payload));
                End(flags);
                break;
            case Data:
                _received.Writer.TryWrite(payload);
                End(flags);
                break;
            case RstStream:
                _status.TrySetException(new IOException("the stream was reset"));
                _received.Writer.TryComplete();
                break;
        }
    }

    private void End(byte flags)
    {
        if ((flags & EndStream) != 0)
        {
            HasEnded = true;
            _received.Writer.TryComplete();
        }
    }

    /// <summary>The first field (RFC 7541): of the static table, or a literal with its name from there.</summary>
    private static int StatusOf(ReadOnlySpan<byte> block)
    {
        while ((block[0] & 0xE0) == 0x20)
        {
            block = block[1..]; // an update of the table's size
        }

        int[] known = [200, 204, 206, 304, 400, 404, 500];
        return (block[0] & 0x80) != 0
            ? known[(block[0] & 0x7F) - 8]
            : int.Parse(Encoding.ASCII.GetString(block.Slice(2, block[1])), System.Globalization.CultureInfo.InvariantCulture);
    }
}
