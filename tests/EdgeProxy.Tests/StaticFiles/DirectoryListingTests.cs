using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.StaticFiles;

/// <summary>What a stranger sees of a directory, and what not.</summary>
public sealed class DirectoryListingTests : IAsyncLifetime
{
    private StaticSite _site = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _site = await StaticSite.StartAsync(options =>
    {
        options.StaticFiles![0].Browse = true;
        options.StaticFiles[0].Hide = ["*.bak", "/private"];
    });

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    [Fact]
    public async Task Only_what_would_be_served_is_listed()
    {
        _site.Write("zebra.txt", "12345");
        _site.Write("alpha/inner.txt", "1");
        _site.Write(".env", "SECRET=1");
        _site.Write("old.bak", "1");
        _site.Write("private/a.txt", "1");
        _site.Write("empty.txt", "");
        File.WriteAllText(Path.Combine(_site.Outside, "secret.txt"), "1");
        using (var mkfifo = Process.Start("mkfifo", Path.Combine(_site.Root, "fifo")))
        {
            await mkfifo.EndWithin();
        }

        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path.Combine(_site.Root, "socket")));
        File.CreateSymbolicLink(Path.Combine(_site.Root, "leads-to-fifo"), Path.Combine(_site.Root, "fifo"));
        File.CreateSymbolicLink(Path.Combine(_site.Root, "leads-out"), Path.Combine(_site.Outside, "secret.txt"));
        File.CreateSymbolicLink(Path.Combine(_site.Root, "leads-in"), Path.Combine(_site.Root, "zebra.txt"));

        var listing = JsonNode.Parse(await (await _site.GetAsync("/static/", ("Accept", "application/json"))).Content.ReadAsStringAsync(Cancellation))!;

        Assert.Equal(["alpha/", "media/", "empty.txt", "leads-in", "zebra.txt"], listing["entries"]!.AsArray().Select(entry => (string)entry!["name"]!));
        Assert.Equal(5, (int)listing["entries"]![4]!["size"]!);
        Assert.False((bool)listing["isCut"]!);
        foreach (var hidden in new[] { "/static/old.bak", "/static/private/a.txt", "/static/private/", "/static/.env", "/static/leads-out" })
        {
            using var response = await _site.GetAsync(hidden);
            Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        }
    }

    [Theory]
    [InlineData("<img src=x onerror=alert(1)>.txt")]
    [InlineData("\"onmouseover=alert(1).txt")]
    [InlineData("javascript:alert(1)")]
    [InlineData("a&b?c#d%20.txt")]
    public async Task A_name_is_text_and_a_link_to_itself(string name)
    {
        _site.Write(name, "content");

        using var response = await _site.GetAsync("/static/");
        var page = await response.Content.ReadAsStringAsync(Cancellation);

        Assert.Equal("default-src 'none'; style-src 'unsafe-inline'", Assert.Single(response.Headers.GetValues("Content-Security-Policy")));
        Assert.Contains($">{WebUtility.HtmlEncode(name)}</a>", page, StringComparison.Ordinal);
        using var file = await _site.GetAsync($"/static/{Uri.EscapeDataString(name)}");
        Assert.Contains($"href=\"./{Uri.EscapeDataString(name)}\"", page, StringComparison.Ordinal);
        Assert.Equal("content", await file.Content.ReadAsStringAsync(Cancellation));
    }

    [Fact]
    public async Task A_huge_directory_is_cut_and_says_so()
    {
        for (var i = 0; i <= DirectoryListing.MostEntries; i++)
        {
            _site.Write($"many/{i}", "");
        }

        var page = await (await _site.GetAsync("/static/many/")).Content.ReadAsStringAsync(Cancellation);

        Assert.Equal(DirectoryListing.MostEntries + 1, page.Split("<tr><td>").Length - 1); // and the way up
        Assert.Contains("the others are not shown", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_Browse_a_directory_is_not_found_whether_it_is_there_or_not()
    {
        _site.Write("media/a.txt", "1");

        var there = await (await _site.GetAsync("/media/")).Content.ReadAsStringAsync(Cancellation);
        var missing = await (await _site.GetAsync("/media/missing/")).Content.ReadAsStringAsync(Cancellation);

        Assert.Equal(Regex(missing), Regex(there));

        static string Regex(string problem) => System.Text.RegularExpressions.Regex.Replace(problem, "\"requestId\":\"[^\"]*\"", "");
    }

    [Fact]
    public async Task HEAD_of_a_listing_has_its_length_and_no_body()
    {
        using var get = await _site.GetAsync("/static/");
        using var head = await _site.SendAsync(HttpMethod.Head, "/static/");

        Assert.Equal(get.Content.Headers.ContentLength, head.Content.Headers.ContentLength);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(Cancellation));
    }
}
