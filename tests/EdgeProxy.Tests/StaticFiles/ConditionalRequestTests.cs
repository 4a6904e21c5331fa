using System.Net;

namespace EdgeProxy.Tests.StaticFiles;

/// <summary>Conditions and ranges over the wire (RFC 9110 sections 13 and 14).</summary>
public sealed class ConditionalRequestTests : IAsyncLifetime
{
    private const string Content = "0123456789";
    private const string Modified = "Sun, 01 Mar 2026 12:00:00 GMT";
    private const string Before = "Sun, 01 Mar 2026 11:59:59 GMT";
    private const string After = "Sun, 01 Mar 2026 12:00:01 GMT";

    private StaticSite _site = null!;
    private string _tag = "";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _site = await StaticSite.StartAsync();
        File.SetLastWriteTimeUtc(_site.Write("a.txt", Content), new DateTime(2026, 3, 1, 12, 0, 0, 750, DateTimeKind.Utc));
        using var response = await _site.GetAsync("/static/a.txt");
        _tag = response.Headers.ETag!.ToString();
    }

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    [Theory]
    [InlineData("If-None-Match", "TAG", 304)]
    [InlineData("If-None-Match", "W/TAG", 304)]
    [InlineData("If-None-Match", "\"other\", TAG", 304)]
    [InlineData("If-None-Match", "*", 304)]
    [InlineData("If-None-Match", "\"other\"", 200)]
    [InlineData("If-None-Match", "\"TAG\"", 200)] // quoted twice: no entity tag
    [InlineData("If-None-Match", "", 200)]
    [InlineData("If-Match", "TAG", 200)]
    [InlineData("If-Match", "*", 200)]
    [InlineData("If-Match", "\"other\"", 412)]
    [InlineData("If-Match", "W/TAG", 412)]
    [InlineData("If-Modified-Since", Modified, 304)]
    [InlineData("If-Modified-Since", After, 304)]
    [InlineData("If-Modified-Since", Before, 200)]
    [InlineData("If-Modified-Since", "Sunday, 01-Mar-26 12:00:00 GMT", 304)] // the obsolete forms of a date
    [InlineData("If-Modified-Since", "Sun Mar  1 12:00:00 2026", 304)]
    [InlineData("If-Modified-Since", "yesterday", 200)]
    [InlineData("If-Unmodified-Since", Modified, 200)]
    [InlineData("If-Unmodified-Since", Before, 412)]
    public async Task One_condition(string header, string value, int expected) => await ExpectAsync(expected, (header, value));

    /// <summary>A tag is the better witness: the date beside it does not count.</summary>
    [Theory]
    [InlineData("If-None-Match", "\"other\"", "If-Modified-Since", After, 200)]
    [InlineData("If-None-Match", "TAG", "If-Modified-Since", Before, 304)]
    [InlineData("If-Match", "TAG", "If-Unmodified-Since", Before, 200)]
    [InlineData("If-Match", "\"other\"", "If-Unmodified-Since", After, 412)]
    [InlineData("If-Match", "TAG", "If-None-Match", "TAG", 304)]
    [InlineData("If-Match", "\"other\"", "If-None-Match", "TAG", 412)]
    public async Task Two_conditions(string header1, string value1, string header2, string value2, int expected) =>
        await ExpectAsync(expected, (header1, value1), (header2, value2));

    [Theory]
    [InlineData("bytes=2-4", 206, "234", "bytes 2-4/10")]
    [InlineData("bytes=7-", 206, "789", "bytes 7-9/10")]
    [InlineData("bytes=-3", 206, "789", "bytes 7-9/10")]
    [InlineData("bytes=0-99", 206, Content, "bytes 0-9/10")]
    [InlineData("bytes=10-", 416, "", "bytes */10")]
    [InlineData("bytes=-0", 416, "", "bytes */10")]
    [InlineData("bytes=0-1,4-5", 200, Content, null)]
    [InlineData("bytes=4-2", 200, Content, null)]
    [InlineData("chapters=1-2", 200, Content, null)]
    public async Task A_range(string range, int status, string body, string? contentRange)
    {
        using var response = await _site.GetAsync("/static/a.txt", ("Range", range));

        Assert.Equal((status, body), ((int)response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation)));
        Assert.Equal(contentRange, response.Content.Headers.ContentRange?.ToString());
        Assert.Equal(body.Length, response.Content.Headers.ContentLength);
    }

    [Fact]
    public async Task A_thousand_ranges_get_the_whole_file_once()
    {
        var ranges = string.Join(',', Enumerable.Repeat("0-", 1000));
        Assert.Equal((200, Content), await _site.ReadAsync("/static/a.txt", ("Range", $"bytes={ranges}")));
    }

    [Theory]
    [InlineData("TAG", 206)]
    [InlineData(Modified, 206)]
    [InlineData("\"other\"", 200)]
    [InlineData("W/TAG", 200)]
    [InlineData(Before, 200)]
    [InlineData(After, 200)]
    [InlineData("nonsense", 200)]
    public async Task A_range_is_of_the_version_that_the_client_means(string ifRange, int expected) =>
        await ExpectAsync(expected, ("Range", "bytes=0-4"), ("If-Range", ifRange));

    [Fact]
    public async Task HEAD_has_no_ranges()
    {
        using var response = await _site.SendAsync(HttpMethod.Head, "/static/a.txt", ("Range", "bytes=0-4"));

        Assert.Equal((HttpStatusCode.OK, 10L), (response.StatusCode, response.Content.Headers.ContentLength));
    }

    [Fact]
    public async Task An_empty_file_is_whole_whatever_the_range()
    {
        _site.Write("empty.txt", "");

        Assert.Equal((200, ""), await _site.ReadAsync("/static/empty.txt", ("Range", "bytes=0-")));
    }

    [Fact]
    public async Task A_response_304_has_what_keeps_the_copy_fresh_and_no_body()
    {
        using var response = await _site.GetAsync("/static/a.txt", ("If-None-Match", _tag));

        Assert.Equal(HttpStatusCode.NotModified, response.StatusCode);
        Assert.Equal(_tag, response.Headers.ETag!.ToString());
        Assert.Equal("no-cache", response.Headers.CacheControl!.ToString());
        Assert.Equal(["Accept-Encoding"], response.Headers.Vary);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync(Cancellation));
    }

    [Fact]
    public async Task A_file_from_the_future_was_last_modified_now()
    {
        File.SetLastWriteTimeUtc(_site.Write("future.txt", "x"), new DateTime(2096, 1, 1, 0, 0, 0, DateTimeKind.Utc));

        using var response = await _site.GetAsync("/static/future.txt");

        Assert.True(
            response.Content.Headers.LastModified <= response.Headers.Date, $"{response.Content.Headers.LastModified} is later than {response.Headers.Date}");
    }

    private async Task ExpectAsync(int expected, params (string Name, string Value)[] headers)
    {
        using var response = await _site.GetAsync(
            "/static/a.txt", [.. headers.Select(header => (header.Name, header.Value.Replace("TAG", _tag, StringComparison.Ordinal)))]);

        Assert.Equal(expected, (int)response.StatusCode);
        Assert.Equal(expected switch { 200 => Content, 206 => Content[..5], _ => "" }, await response.Content.ReadAsStringAsync(Cancellation));
    }
}
