using System.Buffers;
using System.IO.Compression;

namespace EdgeProxy.Compression;

/// <summary>How much time compression may take.</summary>
internal enum Effort
{
    /// <summary>A client waits: the setting with the best ratio of size to time, measured on JSON (docs/adr/0014-compression.md).</summary>
    Quick,

    /// <summary>Nobody waits, and the result is sent many times.</summary>
    Best,
}

/// <summary>Compresses one piece of content. Not for several threads at once.</summary>
internal abstract class ContentEncoder : IDisposable
{
    /// <param name="size">Of the content, where it is known; then no more and no less may be written.</param>
    public static ContentEncoder Create(ContentCoding coding, Effort effort, long? size) => coding switch
    {
        ContentCoding.Zstd => new ZstdEncoder(effort, size),
        ContentCoding.Brotli => new BrotliContentEncoder(effort, size),
        _ => new GzipEncoder(effort),
    };

    /// <summary>Takes all of the input. What comes out, and when, is the encoder's choice.</summary>
    public abstract void Write(ReadOnlySpan<byte> content, IBufferWriter<byte> output);

    /// <summary>Everything written so far can be decoded from what has come out.</summary>
    public abstract void Flush(IBufferWriter<byte> output);

    /// <summary>Ends the content. Nothing may be written after it.</summary>
    public abstract void Finish(IBufferWriter<byte> output);

    public abstract void Dispose();
}

/// <summary>Brotli of the base class library.</summary>
internal sealed class BrotliContentEncoder(Effort effort, long? size) : ContentEncoder
{
    private const int SmallestWindow = 10;
    private const int LargestWindow = 22; // 4 MB, brotli's own default

    private BrotliEncoder _brotli = new(effort == Effort.Best ? 11 : 3, Window(size));

    public override void Write(ReadOnlySpan<byte> content, IBufferWriter<byte> output) => Compress(content, output, isLast: false);

    public override void Flush(IBufferWriter<byte> output)
    {
        OperationStatus status;
        do
        {
            status = _brotli.Flush(output.GetSpan(), out var written);
            output.Advance(written);
        }
        while (status == OperationStatus.DestinationTooSmall);
    }

    public override void Finish(IBufferWriter<byte> output) => Compress([], output, isLast: true);

    public override void Dispose() => _brotli.Dispose();

    private void Compress(ReadOnlySpan<byte> content, IBufferWriter<byte> output, bool isLast)
    {
        OperationStatus status;
        do
        {
            status = _brotli.Compress(content, output.GetSpan(), out var consumed, out var written, isLast);
            content = content[consumed..];
            output.Advance(written);
        }
        while (status == OperationStatus.DestinationTooSmall || !content.IsEmpty);

        if (status != OperationStatus.Done)
        {
            throw new InvalidOperationException($"brotli: {status}");
        }
    }

    /// <summary>No larger than the content: the encoder's memory goes with it.</summary>
    private static int Window(long? size) =>
        size is { } bytes ? Math.Clamp((int)Math.Ceiling(Math.Log2(Math.Max(bytes, 1) + 16)), SmallestWindow, LargestWindow) : LargestWindow;
}

/// <summary>Gzip of the base class library, which has it as a stream only.</summary>
internal sealed class GzipEncoder : ContentEncoder
{
    private readonly Target _target = new();
    private readonly GZipStream _gzip;
    private bool _isEmpty = true;

    /// <summary>A member without content (RFC 1952 section 2.3): header, an empty block, checksum and size 0.</summary>
    private static ReadOnlySpan<byte> Nothing => [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    public GzipEncoder(Effort effort) =>
        _gzip = new GZipStream(_target, new ZLibCompressionOptions { CompressionLevel = effort == Effort.Best ? 9 : 3 }, leaveOpen: true);

    public override void Write(ReadOnlySpan<byte> content, IBufferWriter<byte> output)
    {
        _target.Output = output;
        _isEmpty &= content.IsEmpty;
        _gzip.Write(content);
    }

    public override void Flush(IBufferWriter<byte> output)
    {
        _target.Output = output;
        _gzip.Flush();
    }

    public override void Finish(IBufferWriter<byte> output)
    {
        _target.Output = output;
        _gzip.Dispose();
        if (_isEmpty)
        {
            output.Write(Nothing); // GZipStream says nothing at all, which is no gzip
        }
    }

    public override void Dispose()
    {
        _target.Output = null; // what it still wants to say is lost: the content was not finished
        _gzip.Dispose();
    }

    private sealed class Target : Stream
    {
        public IBufferWriter<byte>? Output { get; set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer) => Output?.Write(buffer);

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
