using EdgeProxy.Settings;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;

namespace EdgeProxy.Tests.Tls;

/// <summary>The public side with an http and an https endpoint and own certificate files, before an app that responds with what it was told.</summary>
internal sealed class TlsSite : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private Backend? _app;

    public TestAuthority Authority { get; } = new();

    public DataPlane Proxy { get; private set; } = null!;

    public int Port => Proxy.HttpsPort;

    public static async Task<TlsSite> StartAsync(
        string[] names, TimeProvider? time = null, Action<EdgeProxyOptions>? configure = null, Microsoft.AspNetCore.Http.RequestDelegate? app = null)
    {
        var site = new TlsSite();
        site.Write(names);
        site._app = await (app is null ? Backend.NamedAsync("the app") : Backend.StartAsync(app));
        site.Proxy = await DataPlane.StartAsync(
            site._app.Address,
            "http://127.0.0.1:1",
            time ?? TimeProvider.System,
            options =>
            {
                options.Tls.Certificates = [new CertificateFileOptions { Certificate = site["fullchain.pem"], Key = site["key.pem"] }];
                configure?.Invoke(options);
            },
            ("Kestrel:Endpoints:Https:Url", "https://127.0.0.1:0"));
        return site;
    }

    /// <summary>A path in the directory of the certificate's files.</summary>
    public string this[string name] => _directory[name];

    /// <summary>Puts a new certificate where the old one is.</summary>
    public void Write(string[] names, TimeSpan? life = null)
    {
        var (chain, key) = Authority.Issue(names, life);
        File.WriteAllText(this["fullchain.pem"], chain);
        File.WriteAllText(this["key.pem"], key);
        File.SetUnixFileMode(this["key.pem"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    public HttpClient Browser(string name) => TlsClient.Browser(Port, name, Authority.Root);

    public async ValueTask DisposeAsync()
    {
        await Proxy.DisposeAsync();
        await _app!.DisposeAsync();
        _directory.Dispose();
    }
}
