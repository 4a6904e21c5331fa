using System.IO.Pipelines;
using EdgeProxy.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Diagnostics;

/// <summary>Counts the bytes of a response's body on their way to the server; passes everything on as it comes.</summary>
internal sealed class CountingBody(IHttpResponseBodyFeature server) : AsyncStream, IHttpResponseBodyFeature
{
    private readonly Stream _stream = server.Stream;
    private CountingWriter? _writer;

    public long Count { get; private set; }

    public override bool CanRead => false;

    public override bool CanWrite => true;

    public Stream Stream => this;

    public PipeWriter Writer => _writer ??= new CountingWriter(this, server.Writer);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Count += buffer.Length;
        return _stream.WriteAsync(buffer, cancellationToken);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => _stream.FlushAsync(cancellationToken);

    public async Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default)
    {
        await server.SendFileAsync(path, offset, count, cancellationToken);
        Count += count ?? new FileInfo(path).Length - offset;
    }

    public void DisableBuffering() => server.DisableBuffering();

    public Task StartAsync(CancellationToken cancellationToken = default) => server.StartAsync(cancellationToken);

    public Task CompleteAsync() => server.CompleteAsync();

    private sealed class CountingWriter(CountingBody body, PipeWriter server) : PipeWriter
    {
        public override bool CanGetUnflushedBytes => server.CanGetUnflushedBytes;

        public override long UnflushedBytes => server.UnflushedBytes;

        public override void Advance(int bytes)
        {
            body.Count += bytes;
            server.Advance(bytes);
        }

        public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
        {
            body.Count += source.Length;
            return server.WriteAsync(source, cancellationToken);
        }

        public override Memory<byte> GetMemory(int sizeHint = 0) => server.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => server.GetSpan(sizeHint);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => server.FlushAsync(cancellationToken);

        public override void CancelPendingFlush() => server.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => server.Complete(exception);
    }
}
