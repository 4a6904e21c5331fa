using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace EdgeProxy.StaticFiles;

/// <summary>What a <c>Range</c> header asks for, given a size (RFC 9110 section 14).</summary>
internal enum RangeRequest
{
    /// <summary>Everything: there is no range, or one that a server may ignore.</summary>
    Whole,

    /// <summary>One part.</summary>
    Part,

    /// <summary>A part that begins behind the end: 416.</summary>
    Unsatisfiable,
}

/// <summary>A part of a file.</summary>
/// <param name="First">Offset of its first byte.</param>
/// <param name="Length">Number of bytes; 0 only for an empty file.</param>
internal readonly record struct ByteRange(long First, long Length)
{
    public static ByteRange All(long size) => new(0, size);

    /// <summary>Reads the header.</summary>
    /// <remarks>
    /// Several ranges in one request get the whole file, which section 14.2 allows: no browser needs them, and asking for one
    /// byte a thousand times is an old attack. So is a header that cannot be read, and any range of an empty file.
    /// </remarks>
    /// <param name="size">Of the file, in bytes.</param>
    /// <param name="range">What to send: all of it unless the result is <see cref="RangeRequest.Part"/>.</param>
    public static RangeRequest Read(StringValues header, long size, out ByteRange range)
    {
        range = All(size);
        if (header.Count != 1 || size == 0 || header[0]!.Contains(',', StringComparison.Ordinal)
            || !RangeHeaderValue.TryParse(header[0], out var parsed) || parsed.Unit != "bytes" || parsed.Ranges.Count != 1)
        {
            return RangeRequest.Whole;
        }

        var asked = parsed.Ranges.First();
        if (asked.From is not { } first)
        {
            // The last so many bytes: all, where there are fewer.
            var length = Math.Min(asked.To ?? 0, size);
            range = length > 0 ? new ByteRange(size - length, length) : range;
            return length > 0 ? RangeRequest.Part : RangeRequest.Unsatisfiable;
        }

        if (first >= size)
        {
            return RangeRequest.Unsatisfiable;
        }

        range = new ByteRange(first, Math.Min(asked.To ?? long.MaxValue, size - 1) - first + 1);
        return RangeRequest.Part;
    }
}
