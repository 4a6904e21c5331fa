using System.Net.Sockets;

namespace EdgeProxy.Tests.Tls;

/// <summary>A client's side of a connection: its first message goes out in records of a given length, all in TCP segments of one byte where wanted.</summary>
internal sealed class SplittingStream(NetworkStream inner, int recordLength, bool byteByByte) : Stream
{
    private bool _isFirst = true;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>The message of one handshake record in records of a length.</summary>
    public static byte[] Split(ReadOnlySpan<byte> record, int length)
    {
        var split = new List<byte>();
        for (var rest = record[5..]; rest.Length > 0; rest = rest[Math.Min(length, rest.Length)..])
        {
            var piece = rest[..Math.Min(length, rest.Length)];
            split.AddRange([22, record[1], record[2], (byte)(piece.Length >> 8), (byte)piece.Length, .. piece]);
        }

        return [.. split];
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer, cancellationToken);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var bytes = _isFirst ? Split(buffer.Span, recordLength) : buffer;
        _isFirst = false;
        for (var i = 0; byteByByte && i < bytes.Length; i++)
        {
            await inner.WriteAsync(bytes.Slice(i, 1), cancellationToken);
        }

        if (!byteByByte)
        {
            await inner.WriteAsync(bytes, cancellationToken);
        }
    }

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        inner.Dispose();
        base.Dispose(disposing);
    }
}
