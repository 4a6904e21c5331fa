using System.Diagnostics;
using EdgeProxy.Compression;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Compression;

/// <summary>The decoders that everybody else uses: Debian's zstd, brotli and gzip.</summary>
internal static class StockDecoder
{
    public static async Task<byte[]> DecodeAsync(string coding, ReadOnlyMemory<byte> coded)
    {
        var program = coding switch { "zstd" => "zstd", "br" => "brotli", _ => "gzip" };
        Assert.SkipUnless(File.Exists($"/usr/bin/{program}"), $"{program} is not installed");
        using var decoder = Process.Start(
            new ProcessStartInfo($"/usr/bin/{program}", ["-d", "-c"])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
        var cancellation = TestContext.Current.CancellationToken;
        using var content = new MemoryStream();
        var reading = decoder.StandardOutput.BaseStream.CopyToAsync(content, cancellation);
        var complaint = decoder.StandardError.ReadToEndAsync(cancellation);
        await decoder.StandardInput.BaseStream.WriteAsync(coded, cancellation);
        decoder.StandardInput.Close();
        await reading.Within();
        Assert.True(await decoder.EndWithin() == 0, $"{program} refuses {coded.Length} bytes: {await complaint.Within()}");
        return content.ToArray();
    }

    public static Task<byte[]> DecodeAsync(ContentCoding coding, ReadOnlyMemory<byte> coded) => DecodeAsync(coding.Name(), coded);
}
