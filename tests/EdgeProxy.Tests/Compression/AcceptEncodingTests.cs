using EdgeProxy.Compression;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace EdgeProxy.Tests.Compression;

public sealed class AcceptEncodingTests
{
    [Theory]
    [InlineData("gzip", "gzip")]
    [InlineData("x-gzip", "gzip")]
    [InlineData("GZip", "gzip")]
    [InlineData("br", "br")]
    [InlineData("zstd", "zstd")]
    [InlineData("gzip, deflate, br, zstd", "zstd")] // browsers
    [InlineData("gzip, deflate", "gzip")]
    [InlineData("gzip;q=1.0, br;q=0.5", "gzip")]
    [InlineData("gzip;q=0.5, br;q=0.501", "br")]
    [InlineData("gzip ; q=0.5 ,\tbr ; q=0.4", "gzip")]
    [InlineData("*", "zstd")]
    [InlineData("*;q=0.1, gzip", "gzip")]
    [InlineData("zstd;q=0, *", "br")]
    [InlineData("gzip, *;q=0", "gzip")]
    [InlineData("identity;q=0.5, gzip;q=0.8", "gzip")]
    [InlineData("identity;q=0, gzip;q=0.1", "gzip")]
    [InlineData("identity, gzip", "gzip")]
    [InlineData("gzip;Q=1", "gzip")]
    [InlineData("gzip;q=1.000", "gzip")]
    [InlineData("gzip;q=0.", "")]
    [InlineData("gzip;q=1.", "gzip")]
    [InlineData(", ,gzip,", "gzip")]
    [InlineData("", "")]
    [InlineData("deflate, compress", "")]
    [InlineData("identity", "")]
    [InlineData("identity, gzip;q=0.5", "")]
    [InlineData("gzip;q=0", "")]
    [InlineData("gzip;q=0.000", "")]
    [InlineData("*;q=0", "")]
    [InlineData("identity;q=0", "")] // content as it is, not 406: a response is better than none
    [InlineData("gzip;q=1.001", "")]
    [InlineData("gzip;q=0.1234", "")]
    [InlineData("gzip;q=-1", "")]
    [InlineData("gzip;q=yes", "")]
    [InlineData("gzip;level=9", "")]
    [InlineData("gzipped", "")]
    [InlineData("g zip", "")]
    [InlineData("gzip\0", "")]
    public void The_coding_is_the_one_that_the_client_likes_best(string header, string expected) =>
        Assert.Equal(expected, AcceptEncoding.Choose(header, [.. ContentCodings.All])?.Name() ?? "");

    [Fact]
    public void Without_the_header_content_is_sent_as_it_is() =>
        Assert.Null(AcceptEncoding.Choose(StringValues.Empty, [.. ContentCodings.All]));

    [Fact]
    public void Several_headers_are_one_list() =>
        Assert.Equal(ContentCoding.Brotli, AcceptEncoding.Choose(new StringValues(["gzip;q=0.5", "br"]), [.. ContentCodings.All]));

    [Fact]
    public void Only_what_is_offered_is_chosen_in_the_order_of_the_offer()
    {
        Assert.Equal(ContentCoding.Gzip, AcceptEncoding.Choose("zstd, br, gzip", [ContentCoding.Gzip, ContentCoding.Brotli]));
        Assert.Equal(ContentCoding.Gzip, AcceptEncoding.Choose("zstd, br, gzip", [ContentCoding.Gzip]));
        Assert.Null(AcceptEncoding.Choose("br", [ContentCoding.Gzip]));
        Assert.Null(AcceptEncoding.Choose("br", []));
    }

    /// <summary>Against the rule of RFC 9110 section 12.5.3 on the framework's own reading of the header.</summary>
    [Property(MaxTest = 2000)]
    public Property It_agrees_with_the_rule_for_every_list_of_distinct_codings() => Prop.ForAll(
        Gen.Elements("zstd", "br", "gzip", "identity", "*", "deflate")
            .SelectMany(name => Gen.Elements("", ";q=0", ";q=0.001", ";q=0.3", "; q=0.75", ";q=0.999", ";q=1", " ;q=1.0").Select(weight => (name, weight)))
            .ListOf()
            .Select(elements => elements.DistinctBy(element => element.name).Select(element => element.name + element.weight).ToArray())
            .ToArbitrary(),
        elements =>
        {
            var header = string.Join(", ", elements);
            Assert.Equal(elements.Length == 0 ? null : ByTheRule(header), AcceptEncoding.Choose(header, [.. ContentCodings.All]));
        });

    [Property(MaxTest = 2000)]
    public void No_text_makes_it_fail_or_choose_what_is_not_named(string text)
    {
        if (AcceptEncoding.Choose(text, [.. ContentCodings.All]) is { } chosen)
        {
            Assert.True(text.Contains(chosen.Name(), StringComparison.OrdinalIgnoreCase) || text.Contains('*', StringComparison.Ordinal), text);
        }
    }

    private static ContentCoding? ByTheRule(string header)
    {
        var listed = StringWithQualityHeaderValue.ParseList([header]);
        double? WeightOf(string name) =>
            listed.Where(element => element.Value == name).Select(element => element.Quality ?? 1.0).Cast<double?>().SingleOrDefault();
        var best = ContentCodings.All
            .Select(coding => (Coding: coding, Weight: WeightOf(coding.Name()) ?? WeightOf("*") ?? 0))
            .Where(coding => coding.Weight > 0 && coding.Weight >= (WeightOf("identity") ?? 0))
            .OrderByDescending(coding => coding.Weight) // stable: the order of the offer among equals
            .ToList();
        return best.Count == 0 ? null : best[0].Coding;
    }
}
