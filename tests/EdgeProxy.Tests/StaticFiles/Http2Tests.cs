using System.Net;
using System.Security.Cryptography;
using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.StaticFiles;

public sealed class Http2Tests
{
    [Theory]
    [InlineData(1_000)]
    [InlineData(StaticFileCache.LargestKept)]
    [InlineData(2_000_000)]
    public async Task Many_downloads_share_one_connection(int size)
    {
        using var directory = new TemporaryDirectory();
        var content = RandomNumberGenerator.GetBytes(size);
        await File.WriteAllBytesAsync(directory["a.bin"], content, TestContext.Current.CancellationToken);
        await using var proxy = await DataPlane.StartAsync(
            "http://127.0.0.1:1", "http://127.0.0.1:1",
            options => options.StaticFiles = [new StaticFilesOptions { Path = "/static", Root = directory.Path }],
            ("Kestrel:Endpoints:Http:Protocols", "Http2"));

        var bodies = await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/static/a.bin")
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            using var response = await proxy.Client.SendAsync(request, TestContext.Current.CancellationToken);
            return await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        }));

        Assert.All(bodies, body => Assert.Equal(content, body));
        Assert.Equal(1, proxy.PublicConnections.Open);
    }
}
