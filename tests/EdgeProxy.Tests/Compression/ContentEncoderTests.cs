using System.Security.Cryptography;
using System.Text;
using EdgeProxy.Compression;
using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Compression;

/// <summary>What comes out is what stock decoders turn into what went in.</summary>
public sealed class ContentEncoderTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static readonly byte[] _json = Encoding.UTF8.GetBytes(
        $"[{string.Join(",\n", Enumerable.Range(0, 20_000).Select(i => $$"""{"id": {{i}}, "name": "item {{i * 7919 % 1000}}", "price": {{i * 31 % 977}}.95}"""))}]");

    public static TheoryData<string, string, int> Cases { get; } = new(
        from coding in ContentCodings.All
        from effort in Enum.GetNames<Effort>()
        from size in new[] { 0, 1, 19_000, 300_000 }
        select (coding.Name(), effort, size));

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_whole_is_decoded_to_what_it_was(string name, string effort, int size)
    {
        Assert.True(ContentCodings.TryParse(name, out var coding));
        foreach (var content in new[] { _json[..size], RandomNumberGenerator.GetBytes(size) })
        {
            var coded = EncodedVariants.Encode(coding, Enum.Parse<Effort>(effort), content, Cancellation);
            Assert.Equal(content, await StockDecoder.DecodeAsync(coding, coded));
        }
    }

    [Theory]
    [InlineData("zstd")]
    [InlineData("br")]
    [InlineData("gzip")]
    public async Task Pieces_of_any_size_flushed_or_not_are_decoded_to_their_sum(string name)
    {
        Assert.True(ContentCodings.TryParse(name, out var coding));
        var random = new Random(4711);
        for (var run = 0; run < 5; run++) // again with what an earlier run has left behind in the pool
        {
            var content = _json.AsMemory(0, random.Next(_json.Length));
            using var output = new OutputBuffer();
            using var encoder = ContentEncoder.Create(coding, Effort.Quick, size: null);
            using var coded = new MemoryStream();
            for (var rest = content; !rest.IsEmpty;)
            {
                var piece = rest[..Math.Min(rest.Length, random.Next(30_000))];
                rest = rest[piece.Length..];
                encoder.Write(piece.Span, output);
                if (random.Next(4) == 0)
                {
                    encoder.Flush(output);
                }

                Drain(output, coded, random.Next(1, 10_000));
            }

            encoder.Finish(output);
            Drain(output, coded, 100);
            Assert.Equal(content.ToArray(), await StockDecoder.DecodeAsync(coding, coded.ToArray()));
        }
    }

    /// <summary>Not so gzip, whose highest level is sometimes a little larger on JSON; then the quick form stays.</summary>
    [Theory]
    [InlineData("zstd")]
    [InlineData("br")]
    public void The_best_is_smaller_than_the_quick(string name)
    {
        Assert.True(ContentCodings.TryParse(name, out var coding));
        var quick = EncodedVariants.Encode(coding, Effort.Quick, _json.AsMemory(0, 100_000), Cancellation).Length;
        var best = EncodedVariants.Encode(coding, Effort.Best, _json.AsMemory(0, 100_000), Cancellation).Length;

        Assert.True(best < quick, $"{best} is not less than {quick}");
        Figures.Report($"100 KB of JSON, {name}: {quick} bytes quick, {best} bytes best");
    }

    /// <summary>A browser refuses a window of more than 8 MB (RFC 9659).</summary>
    [Theory]
    [InlineData("Quick")]
    [InlineData("Best")]
    public async Task A_decoder_of_the_web_has_memory_enough_for_zstd(string effort)
    {
        using var output = new OutputBuffer();
        using var encoder = ContentEncoder.Create(ContentCoding.Zstd, Enum.Parse<Effort>(effort), size: null);
        encoder.Write(_json, output);
        encoder.Finish(output);

        // Frame header (RFC 8878 section 3.1.1.1): magic number, descriptor, window descriptor.
        var header = output.Written[..6].ToArray();
        Assert.Equal([0x28, 0xB5, 0x2F, 0xFD], header[..4]);
        Assert.Equal(0, header[4] & 0x20); // not a single segment: the window is stated
        Assert.InRange(10 + (header[5] >> 3), 10, 23);
        Assert.Equal(_json, await StockDecoder.DecodeAsync(ContentCoding.Zstd, output.Written));
    }

    private static void Drain(OutputBuffer from, MemoryStream to, int atMost)
    {
        Span<byte> piece = new byte[atMost];
        while (from.Take(piece) is var count and > 0)
        {
            to.Write(piece[..count]);
        }
    }
}
