using System.Net.Sockets;
using System.Text;
using EdgeProxy.Settings;
using EdgeProxy.StaticFiles;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.StaticFiles;

/// <summary>The public side in front of an app that is down and a tree of files: every response comes from the files.</summary>
internal sealed class StaticSite : IAsyncDisposable
{
    private static readonly UriCreationOptions _asWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private readonly TemporaryDirectory _directory;

    private StaticSite(TemporaryDirectory directory, DataPlane proxy)
    {
        _directory = directory;
        Proxy = proxy;
    }

    public DataPlane Proxy { get; }

    public StaticFileCache Cache => Proxy.Get<StaticFileCache>();

    public string Root => _directory["root"];

    /// <summary>Beside the root: nothing in it may ever be served.</summary>
    public string Outside => _directory["outside"];

    /// <summary>The older release, where <c>/static</c> looks next.</summary>
    public string Older => _directory["older"];

    /// <summary><c>/static</c> from <see cref="Root"/> and <see cref="Older"/>, <c>/media</c> from <c>Root/media</c> as user content.</summary>
    public static async Task<StaticSite> StartAsync(Action<EdgeProxyOptions>? configure = null, TimeProvider? time = null, string app = "http://127.0.0.1:1")
    {
        var directory = new TemporaryDirectory();
        foreach (var name in new[] { "root/media", "outside", "older" })
        {
            Directory.CreateDirectory(directory[name]);
        }

        var proxy = await DataPlane.StartAsync(app, "http://127.0.0.1:1", time ?? TimeProvider.System, options =>
        {
            options.Upstream.HoldTimeout = TimeSpan.Zero;
            options.StaticFiles =
            [
                new StaticFilesOptions { Path = "/static", Root = directory["root"], Fallbacks = [directory["older"]] },
                new StaticFilesOptions { Path = "/media/", Root = directory["root/media"], UserContent = true },
            ];
            configure?.Invoke(options);
        });
        return new StaticSite(directory, proxy);
    }

    /// <summary>Writes a file below the root, as a deploy does.</summary>
    /// <returns>Its path.</returns>
    public string Write(string name, string content) => Write(name, Encoding.UTF8.GetBytes(content));

    public string Write(string name, byte[] content)
    {
        var path = System.IO.Path.Combine(Root, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return path;
    }

    /// <summary>The target goes out as it is written.</summary>
    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string target, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(Proxy.Address.GetLeftPart(UriPartial.Authority) + target, _asWritten));
        foreach (var (name, value) in headers)
        {
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        }

        return await Proxy.Client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    public Task<HttpResponseMessage> GetAsync(string target, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Get, target, headers);

    /// <summary>Status and body of a GET.</summary>
    public async Task<(int Status, string Body)> ReadAsync(string target, params (string Name, string Value)[] headers)
    {
        using var response = await GetAsync(target, headers);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>A connection of its own, for what no client library does.</summary>
    public async Task<TcpClient> ConnectAsync()
    {
        var client = new TcpClient();
        await client.ConnectAsync(Proxy.Address.Host, Proxy.Address.Port, TestContext.Current.CancellationToken);
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        await Proxy.DisposeAsync();
        _directory.Dispose();
    }
}
