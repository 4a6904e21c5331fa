using System.IO.Pipelines;
using EdgeProxy.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Proxying.Spooling;

/// <summary>Where the forwarder writes a response: notes the writes that the client does not take at once; passes everything on as it comes.</summary>
internal sealed class SpoolingBody(IHttpResponseBodyFeature client, ResponseSpool spool) : AsyncStream, IHttpResponseBodyFeature
{
    private readonly Stream _stream = client.Stream;

    public override bool CanRead => false;

    public override bool CanWrite => true;

    public Stream Stream => this;

    public PipeWriter Writer => client.Writer;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var writing = _stream.WriteAsync(buffer, cancellationToken);
        if (!writing.IsCompleted)
        {
            spool.BeginWrite();
        }

        return writing;
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => _stream.FlushAsync(cancellationToken);

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
        client.SendFileAsync(path, offset, count, cancellationToken);

    public void DisableBuffering() => client.DisableBuffering();

    public Task StartAsync(CancellationToken cancellationToken = default) => client.StartAsync(cancellationToken);

    public Task CompleteAsync() => client.CompleteAsync();
}
