using System.Buffers;

namespace EdgeProxy.Compression;

/// <summary>Bytes on their way from an encoder to their reader. Grows as needed, on memory from the shared pool.</summary>
internal sealed class OutputBuffer : IBufferWriter<byte>, IDisposable
{
    private const int FirstSize = 4096;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(FirstSize);
    private int _start;
    private int _end;

    /// <summary>What is written and not yet taken.</summary>
    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(_start.._end);

    public bool IsEmpty => _start == _end;

    public void Advance(int count) => _end += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _bytes.AsMemory(_end);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <summary>Moves as much as fits.</summary>
    public int Take(Span<byte> target)
    {
        var count = Math.Min(target.Length, _end - _start);
        _bytes.AsSpan(_start, count).CopyTo(target);
        _start += count;
        if (IsEmpty)
        {
            (_start, _end) = (0, 0);
        }

        return count;
    }

    public void Dispose()
    {
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = [];
            (_start, _end) = (0, 0);
        }
    }

    private void Reserve(int count)
    {
        if (_bytes.Length - _end >= count)
        {
            return;
        }

        var kept = _end - _start;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(checked(kept + count), kept * 2));
        Written.Span.CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_bytes);
        (_bytes, _start, _end) = (larger, 0, kept);
    }
}
