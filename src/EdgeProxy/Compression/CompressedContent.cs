using System.Buffers;
using EdgeProxy.Http;

namespace EdgeProxy.Compression;

/// <summary>The body of a response, compressed as it is read.</summary>
/// <param name="app">The body as the app sends it.</param>
/// <param name="coding">Into what.</param>
/// <param name="length">Of the app's body, where it is known: then nothing is flushed before the end.</param>
/// <remarks>
/// Read, not written: the forwarder asks for bytes when the client has taken the earlier ones, so a reader can tell what a writer cannot, namely
/// whether the app has more to say right now. Only when it has not is what there is flushed, so that a page that is sent piece by piece appears
/// piece by piece, and a large one sent in a thousand pieces is still compressed as a whole.
/// </remarks>
internal sealed class CompressedContent(HttpContent app, ContentCoding coding, long? length) : FilteredContent(app)
{
    protected override Stream Filter(Stream app) => new Body(app, ContentEncoder.Create(coding, Effort.Quick, length), flushesWhenIdle: length is null);

    private sealed class Body(Stream app, ContentEncoder encoder, bool flushesWhenIdle) : AsyncStream
    {
        private const int InputSize = 16 * 1024;

        private readonly byte[] _input = ArrayPool<byte>.Shared.Rent(InputSize);
        private readonly OutputBuffer _output = new();
        private Task<int>? _reading;
        private bool _holdsBack;
        private bool _isFinished;
        private bool _isDisposed;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (_output.IsEmpty && !_isFinished)
            {
                await FillAsync(cancellationToken);
            }

            return _output.Take(buffer.Span);
        }

        private async ValueTask FillAsync(CancellationToken cancellationToken)
        {
            var reading = _reading is { } earlier ? new ValueTask<int>(earlier) : app.ReadAsync(_input, cancellationToken);
            if (!reading.IsCompleted && _holdsBack && flushesWhenIdle)
            {
                // The app pauses: the client gets what there is, and the next call waits on.
                _reading = reading.AsTask();
                encoder.Flush(_output);
                _holdsBack = false;
                return;
            }

            _reading = reading.IsCompleted ? null : reading.AsTask();
            var count = await (_reading is { } pending ? new ValueTask<int>(pending) : reading);
            _reading = null;
            if (count > 0)
            {
                encoder.Write(_input.AsSpan(0, count), _output);
                _holdsBack = true;
            }
            else
            {
                encoder.Finish(_output);
                _isFinished = true;
            }
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing && !_isDisposed)
            {
                _isDisposed = true;
                encoder.Dispose();
                _output.Dispose();
                app.Dispose();
                if (_reading is null)
                {
                    ArrayPool<byte>.Shared.Return(_input); // otherwise something may still be written into it
                }
            }

            base.Dispose(disposing);
        }
    }
}
