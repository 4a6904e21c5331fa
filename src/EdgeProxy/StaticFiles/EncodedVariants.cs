using EdgeProxy.Compression;

namespace EdgeProxy.StaticFiles;

/// <summary>Chooses the form of a file that suits a request, and makes it once: what was compressed beforehand, else a quick form now and the best one
/// later.</summary>
internal sealed class EncodedVariants(CompressionPolicy policy, StaticFileCache files, BackgroundRecompression best) : IDisposable
{
    private readonly SingleFlight<(StaticFile File, ContentCoding Coding), Representation> _making = new();

    /// <summary>Clients that wait for different files share the processors; a thousand first requests must not hold a thousand files in memory.</summary>
    private readonly SemaphoreSlim _turns = new(Environment.ProcessorCount);

    private long _made;

    /// <summary>How many forms were compressed for a client that waited, since the proxy started.</summary>
    public long Made => Volatile.Read(ref _made);

    /// <summary>The form to send. Parts are sent of the plain file only: there the bytes that a range counts are the file's.</summary>
    public ValueTask<Representation> ChooseAsync(IHeaderDictionary request, StaticFile file)
    {
        var accepted = request.AcceptEncoding;
        if (accepted.Count == 0 || request.Range.Count > 0
            || (AcceptEncoding.Choose(accepted, file.Sidecars) ?? (file.Shrinks ? AcceptEncoding.Choose(accepted, policy.Offered) : null)) is not { } coding)
        {
            return new(file.Plain);
        }

        return file.Coded(coding) is { } form && (form.Bytes is not null || form.Length > StaticFileCache.LargestKept)
            ? new(form)
            : new(_making.RunAsync((file, coding), () => MakeAsync(file, coding)));
    }

    public void Dispose() => _turns.Dispose();

    private async Task<Representation> MakeAsync(StaticFile file, ContentCoding coding)
    {
        await _turns.WaitAsync();
        try
        {
            if (file.Coded(coding) is { } sidecar)
            {
                // One that has its bytes was made meanwhile: its source is the plain file.
                return sidecar.Bytes is null && await StaticFileCache.ReadAsync(sidecar.Source) is { } kept
                    ? Take(file, sidecar with { Bytes = kept })
                    : sidecar;
            }

            if ((file.Plain.Bytes ?? await StaticFileCache.ReadAsync(file.Plain.Source)) is not { } content)
            {
                return file.Plain; // gone, or another one by now: the caller that opens it finds out
            }

            var bytes = Encode(coding, Effort.Quick, content, CancellationToken.None);
            Interlocked.Increment(ref _made);
            if (bytes.Length >= content.Length)
            {
                file.SetIncompressible(coding);
                return file.Plain;
            }

            var form = Take(file, Representation.OfCoded(coding, Effort.Quick, file.Plain, bytes));
            best.Order(file, coding);
            return form;
        }
        finally
        {
            _turns.Release();
        }
    }

    private Representation Take(StaticFile file, Representation form)
    {
        file.Set(form);
        files.Weigh(file);
        return form;
    }

    /// <summary>Compresses as a whole.</summary>
    /// <param name="cancellationToken">Looked at between pieces.</param>
    public static byte[] Encode(ContentCoding coding, Effort effort, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        const int Piece = 64 * 1024;
        using var output = new OutputBuffer();
        using var encoder = ContentEncoder.Create(coding, effort, content.Length);
        for (var rest = content; !rest.IsEmpty; rest = rest[Math.Min(Piece, rest.Length)..])
        {
            cancellationToken.ThrowIfCancellationRequested();
            encoder.Write(rest.Span[..Math.Min(Piece, rest.Length)], output);
        }

        encoder.Finish(output);
        return output.Written.ToArray();
    }
}
