using System.Buffers.Binary;
using EdgeProxy.Proxying.Upgrades;
using FsCheck.Xunit;

namespace EdgeProxy.Tests.Proxying;

public sealed class WebSocketFramesTests
{
    /// <summary>Lengths on both sides of each change of the header's form.</summary>
    private static readonly int[] _lengths = [0, 1, 3, 125, 126, 127, 300, 65535, 65536, 70000];

    [Property(MaxTest = 200)]
    public bool Any_split_of_any_frames_gives_the_same_ends(byte[] picks, byte[] cuts)
    {
        var bytes = new List<byte>();
        HashSet<int> ends = [0];
        foreach (var pick in picks.Take(12))
        {
            bytes.AddRange(Frame(opcode: (byte)(pick % 3), _lengths[pick % _lengths.Length], isMasked: pick % 2 == 0, pick));
            ends.Add(bytes.Count);
        }

        var frames = new WebSocketFrames();
        var all = bytes.ToArray().AsSpan();
        var at = 0;
        for (var i = 0; at < all.Length; i++)
        {
            // Some pieces are longer than a frame, most are in the middle of a header.
            var size = Math.Min(all.Length - at, cuts.Length == 0 ? 1 : cuts[i % cuts.Length] is var cut && cut > 200 ? cut * 500 : 1 + (cut % 9));
            var whole = frames.All(all.Slice(at, size));
            var lastEnd = ends.Where(end => end > at && end <= at + size).DefaultIfEmpty(at).Max();
            if (whole != lastEnd - at || frames.IsBetween != ends.Contains(at + size) || frames.HasClosed)
            {
                return false;
            }

            at += size;
        }

        return true;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_close_frame_counts_when_it_is_whole(bool isMasked)
    {
        var frames = new WebSocketFrames();
        var close = Frame(opcode: 8, 2, isMasked, fill: 0);

        frames.All(close.AsSpan(0, close.Length - 1));
        Assert.False(frames.HasClosed);
        frames.All(close.AsSpan(close.Length - 1));
        Assert.True(frames.HasClosed);
    }

    private static byte[] Frame(byte opcode, int length, bool isMasked, byte fill)
    {
        var mask = isMasked ? 0x80 : 0;
        List<byte> frame = [(byte)(0x80 | opcode)];
        Span<byte> extended = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(extended, (ulong)length);
        frame.Add((byte)(mask | (length > 65535 ? 127 : length > 125 ? 126 : length)));
        frame.AddRange(length > 65535 ? extended : length > 125 ? extended[6..] : []);
        frame.AddRange(Enumerable.Repeat(fill, length + (isMasked ? 4 : 0)));
        return [.. frame];
    }
}
