using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace EdgeProxy.Compression;

/// <summary>Zstandard through libzstd.</summary>
internal sealed class ZstdEncoder : ContentEncoder
{
    /// <summary>Of levels 1 to 3 the smallest output on JSON, at the same time.</summary>
    private const int QuickLevel = 2;
    private const int BestLevel = 19;

    /// <summary>8 MB is what a decoder on the web must have (RFC 9659 section 3); 1 MB where a client waits, and a hundred may at once.</summary>
    private const int QuickWindowLog = 20;
    private const int BestWindowLog = 23;

    /// <summary>A context for quick work keeps 1 to 2 MB.</summary>
    private const int MostKept = 8;

    private static readonly ConcurrentBag<ZstdContext> _kept = [];

    private readonly Effort _effort;
    private ZstdContext? _context;

    public ZstdEncoder(Effort effort, long? size)
    {
        _effort = effort;
        _context = effort == Effort.Quick && _kept.TryTake(out var used) ? used : New(effort);
        if (size is { } bytes)
        {
            ZstdNative.Check(ZstdNative.SetSize(_context, (ulong)bytes));
        }
    }

    /// <summary>libzstd is on this machine.</summary>
    public static bool IsAvailable { get; } = NativeLibrary.TryLoad(ZstdNative.Library, out _);

    public override void Write(ReadOnlySpan<byte> content, IBufferWriter<byte> output) => Run(content, output, ZstdNative.Directive.Continue);

    public override void Flush(IBufferWriter<byte> output) => Run([], output, ZstdNative.Directive.Flush);

    public override void Finish(IBufferWriter<byte> output) => Run([], output, ZstdNative.Directive.End);

    public override void Dispose()
    {
        if (Interlocked.Exchange(ref _context, null) is not { } context)
        {
            return;
        }

        if (_effort == Effort.Quick && _kept.Count < MostKept && ZstdNative.IsError(ZstdNative.Reset(context, ZstdNative.ResetSession)) == 0)
        {
            _kept.Add(context);
        }
        else
        {
            context.Dispose();
        }
    }

    private static ZstdContext New(Effort effort)
    {
        var context = ZstdNative.CreateContext();
        if (context.IsInvalid)
        {
            throw new InsufficientMemoryException("zstd has no memory for a context");
        }

        ZstdNative.Check(ZstdNative.SetParameter(context, ZstdNative.CompressionLevel, effort == Effort.Best ? BestLevel : QuickLevel));
        ZstdNative.Check(ZstdNative.SetParameter(context, ZstdNative.WindowLog, effort == Effort.Best ? BestWindowLog : QuickWindowLog));
        return context;
    }

    private unsafe void Run(ReadOnlySpan<byte> content, IBufferWriter<byte> output, ZstdNative.Directive directive)
    {
        ObjectDisposedException.ThrowIf(_context is null, this);
        fixed (byte* source = content)
        {
            var input = new ZstdNative.Buffer { Bytes = source, Size = (nuint)content.Length };
            nuint left;
            do
            {
                var space = output.GetSpan();
                fixed (byte* target = space)
                {
                    var room = new ZstdNative.Buffer { Bytes = target, Size = (nuint)space.Length };
                    left = ZstdNative.Check(ZstdNative.Compress(_context, &room, &input, directive));
                    output.Advance((int)room.Position);
                }
            }
            // Continue may keep what it has taken; the others are done when nothing is left.
            while (directive == ZstdNative.Directive.Continue ? input.Position < input.Size : left > 0);
        }
    }
}
