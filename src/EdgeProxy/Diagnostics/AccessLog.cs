using System.Buffers;
using System.Text.Json;
using System.Threading.Channels;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Diagnostics;

/// <summary>One JSON line a request, written by a task of its own: a slow disk delays no request, it costs lines, which are counted.</summary>
/// <remarks>
/// The host owns the writer; it ends after the last queued line. A write that fails is reported once, until one succeeds again. Query strings
/// are not logged: they carry tokens.
/// </remarks>
internal sealed partial class AccessLog(AccessLogOptions options, TimeProvider time, ILogger<AccessLog> logger) : BackgroundService
{
    private const int Backlog = 16_384;
    private static readonly TimeSpan _lastWrite = TimeSpan.FromSeconds(2);

    private readonly Channel<ReadOnlyMemory<byte>> _lines = Channel.CreateBounded<ReadOnlyMemory<byte>>(
        new BoundedChannelOptions(Backlog) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    private long _dropped;

    /// <summary>Lines that found the queue full, since the proxy started.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>Runs the rest of the pipeline and notes what became of the request.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var started = time.GetTimestamp();
        var body = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        var sent = new CountingStream(body.Stream);
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(sent, body));
        try
        {
            await next(context);
        }
        finally
        {
            context.Features.Set(body);
            if (!_lines.Writer.TryWrite(Line(context, sent.Count, time.GetElapsedTime(started))))
            {
                Interlocked.Increment(ref _dropped);
            }
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _lines.Writer.TryComplete();
        // Not bounded by the host's token: the last requests may have used it up, and theirs are the lines that remain.
        await (ExecuteTask ?? Task.CompletedTask).WaitAsync(_lastWrite, time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Not stoppingToken: it fires before the last requests have ended. StopAsync completes the queue.
        Stream? output = null;
        var failing = false;
        while (await _lines.Reader.WaitToReadAsync(CancellationToken.None))
        {
            try
            {
                output ??= Open();
                while (_lines.Reader.TryRead(out var line))
                {
                    await output.WriteAsync(line, CancellationToken.None);
                }

                await output.FlushAsync(CancellationToken.None);
                failing = false;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                if (!failing)
                {
                    Log.WriteFailed(logger, options.Path ?? "standard output", error);
                    failing = true;
                }

                // Takes one line off, so that the loop comes to rest with the queue.
                Interlocked.Add(ref _dropped, _lines.Reader.TryRead(out _) ? 1 : 0);
            }
        }

        await (output?.DisposeAsync() ?? ValueTask.CompletedTask);
    }

    private Stream Open() => options.Path is { } path
        ? new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 64 * 1024)
        : new BufferedStream(Console.OpenStandardOutput(), 64 * 1024);

    private ReadOnlyMemory<byte> Line(HttpContext context, long sent, TimeSpan duration)
    {
        var request = context.Request;
        var forwarded = context.Features.Get<ForwardedRequest>();
        var buffer = new ArrayBufferWriter<byte>(384);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("time", time.GetUtcNow().UtcDateTime);
            json.WriteString("requestId", context.TraceIdentifier);
            json.WriteString("client", context.Connection.RemoteIpAddress?.ToString());
            json.WriteString("method", request.Method);
            json.WriteString("host", request.Host.Value);
            json.WriteString("path", request.PathBase.Value + request.Path.Value);
            json.WriteString("protocol", request.Protocol);
            json.WriteString("userAgent", request.Headers.UserAgent.ToString());
            json.WriteNumber("status", context.Response.StatusCode);
            json.WriteNumber("bytes", sent);
            json.WriteNumber("durationMs", Math.Round(duration.TotalMilliseconds, 3));
            if (forwarded?.Lease is { } lease)
            {
                json.WriteString("slot", lease.Slot.Name.ToKey());
                json.WriteNumber("retries", forwarded.Tries - 1);
                json.WriteNumber("heldMs", Math.Round(forwarded.Held.TotalMilliseconds, 3));
            }

            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenMemory;
    }

    private sealed class CountingStream(Stream inner) : Stream
    {
        public long Count { get; private set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Count += buffer.Length;
            return inner.WriteAsync(buffer, cancellationToken);
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override void Write(byte[] buffer, int offset, int count)
        {
            Count += count;
            inner.Write(buffer, offset, count);
        }

        public override void Flush() => inner.Flush();

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }

    private static partial class Log
    {
        [LoggerMessage(700, LogLevel.Error, "The access log {Path} cannot be written; lines are lost until it can")]
        public static partial void WriteFailed(ILogger logger, string path, Exception error);
    }
}
