using EdgeProxy.StaticFiles;
using FsCheck.Xunit;

namespace EdgeProxy.Tests.StaticFiles;

public sealed class ByteRangeTests
{
    [Theory]
    [InlineData("bytes=0-0", 10, 0, 1)]
    [InlineData("bytes=0-9", 10, 0, 10)]
    [InlineData("bytes=0-99", 10, 0, 10)]
    [InlineData("bytes=3-5", 10, 3, 3)]
    [InlineData("bytes=3-", 10, 3, 7)]
    [InlineData("bytes=9-", 10, 9, 1)]
    [InlineData("bytes=-1", 10, 9, 1)]
    [InlineData("bytes=-10", 10, 0, 10)]
    [InlineData("bytes=-99", 10, 0, 10)]
    [InlineData("bytes=9223372036854775806-", long.MaxValue, long.MaxValue - 1, 1)]
    [InlineData("bytes=0-9223372036854775807", long.MaxValue, 0, long.MaxValue)]
    public void One_range_is_a_part(string header, long size, long first, long length)
    {
        Assert.Equal(RangeRequest.Part, ByteRange.Read(header, size, out var range));
        Assert.Equal(new ByteRange(first, length), range);
    }

    [Theory]
    [InlineData("bytes=10-", 10)]
    [InlineData("bytes=10-20", 10)]
    [InlineData("bytes=-0", 10)]
    [InlineData("bytes=9223372036854775807-", 10)]
    public void A_range_behind_the_end_cannot_be_satisfied(string header, long size) =>
        Assert.Equal(RangeRequest.Unsatisfiable, ByteRange.Read(header, size, out _));

    [Theory]
    [InlineData("", 10)]
    [InlineData("bytes=", 10)]
    [InlineData("bytes=-", 10)]
    [InlineData("bytes=a-b", 10)]
    [InlineData("bytes=5-3", 10)]
    [InlineData("bytes=--5", 10)]
    [InlineData("bytes=1-2-3", 10)]
    [InlineData("bytes=0x1-0x5", 10)]
    [InlineData("bytes=99999999999999999999-", 10)]
    [InlineData("bytes=-99999999999999999999", 10)]
    [InlineData("lines=1-2", 10)]
    [InlineData("bytes=0-1,3-4", 10)]
    [InlineData("bytes=0-0,", 10)]
    [InlineData("bytes=0-", 0)]
    [InlineData("bytes=-5", 0)]
    public void What_is_no_single_range_of_bytes_asks_for_all(string header, long size)
    {
        Assert.Equal(RangeRequest.Whole, ByteRange.Read(header, size, out var range));
        Assert.Equal(ByteRange.All(size), range);
    }

    [Fact]
    public void Two_headers_ask_for_all() =>
        Assert.Equal(RangeRequest.Whole, ByteRange.Read(new(["bytes=0-1", "bytes=2-3"]), 10, out _));

    /// <summary>Against the plainest way to say what a range is: the bytes whose numbers it names.</summary>
    [Property(MaxTest = 1000)]
    public void A_range_is_the_bytes_that_it_names(byte size, byte? first, byte? last)
    {
        var named = (first, last) switch
        {
            (null, null) => null,
            ({ } from, null) => Enumerable.Range(0, size).Where(i => i >= from),
            (null, { } suffix) => Enumerable.Range(0, size).TakeLast(suffix),
            ({ } from, { } to) => from > to ? null : Enumerable.Range(0, size).Where(i => i >= from && i <= to),
        };

        var result = ByteRange.Read($"bytes={first}-{last}", size, out var range);

        var sent = Enumerable.Range((int)range.First, (int)range.Length);
        if (named is null || size == 0)
        {
            Assert.Equal(RangeRequest.Whole, result);
        }
        else if (named.Any())
        {
            Assert.Equal(RangeRequest.Part, result);
            Assert.Equal(named, sent);
        }
        else
        {
            Assert.Equal(RangeRequest.Unsatisfiable, result);
        }
    }

    /// <summary>Whatever is written there, nothing outside the file is sent.</summary>
    [Property(MaxTest = 1000)]
    public void A_range_stays_within_the_file(string header, ulong size)
    {
        foreach (var text in new[] { header ?? "", $"bytes={header}", $"bytes={size}-{header}" })
        {
            var total = (long)(size & long.MaxValue);
            ByteRange.Read(text, total, out var range);
            Assert.InRange(range.First, 0, total);
            Assert.InRange(range.Length, 0, total - range.First);
        }
    }
}
