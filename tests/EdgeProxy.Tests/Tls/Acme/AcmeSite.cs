using EdgeProxy.Diagnostics;
using EdgeProxy.Proxying;
using EdgeProxy.Settings;
using EdgeProxy.State;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using EdgeProxy.Tls.Acme;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EdgeProxy.Tests.Tls.Acme;

/// <summary>The public side with an ACME manager over a state directory, before an app. Stop and start it for the next process on the same state.</summary>
internal sealed class AcmeSite : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly (int Http, int Https) _ports;
    private readonly TimeProvider _time;
    private readonly HttpMessageHandler? _authority;
    private Backend? _app;
    private WebApplication? _proxy;

    private AcmeSite((int Http, int Https) ports, TimeProvider? time, HttpMessageHandler? authority) =>
        (_ports, _time, _authority) = (ports, time ?? TimeProvider.System, authority);

    public EdgeProxyOptions Options { get; } = new() { AccessLog = new AccessLogOptions { Format = AccessLogFormat.None } };

    /// <summary>More services, for the next start.</summary>
    public Action<IServiceCollection> Add { get; set; } = _ => { };

    public string StatePath => _directory["state"];

    public int HttpPort => _ports.Http;

    public int HttpsPort => _ports.Https;

    public IReadOnlyList<CertificateStatus> Certificates => Get<CertificateStatusRegistry>().Read();

    /// <summary>The one of the only domain.</summary>
    public CertificateStatus Certificate => Assert.Single(Certificates);

    /// <summary>Against a real authority.</summary>
    public static Task<AcmeSite> StartAsync(Pebble pebble, string[] domains, Action<AcmeOptions>? configure = null, TimeProvider? time = null) =>
        StartAsync(new AcmeSite((pebble.HttpPort, pebble.TlsPort), time, authority: null), domains, acme =>
        {
            acme.DirectoryUrl = pebble.DirectoryUrl;
            acme.TrustedRoots = pebble.ApiRootFile;
            acme.Email = "ops@example.com";
            configure?.Invoke(acme);
        });

    /// <summary>Against one in memory.</summary>
    public static Task<AcmeSite> StartAsync(StubAuthority authority, string[] domains, TimeProvider time) => StartAsync([authority], domains, time);

    /// <summary>Against several in memory: the first is the settings' directory.</summary>
    public static Task<AcmeSite> StartAsync(
        IReadOnlyList<StubAuthority> authorities, string[] domains, TimeProvider time, Action<AcmeOptions>? configure = null) =>
        StartAsync(new AcmeSite((Backend.FreePort(), Backend.FreePort()), time, new Network(authorities)), domains, acme =>
        {
            acme.DirectoryUrl = authorities[0].DirectoryUrl;
            configure?.Invoke(acme);
        });

    private static async Task<AcmeSite> StartAsync(AcmeSite site, string[] domains, Action<AcmeOptions> configure)
    {
        site._app = await Backend.NamedAsync("the app");
        site.Options.Slots = new() { Blue = new() { Address = site._app.Address }, Green = new() { Address = "http://127.0.0.1:1" } };
        site.Options.State.Directory = site.StatePath;
        site.Options.Tls.Acme.Domains = domains;
        site.Options.Tls.Acme.AcceptTermsOfService = true;
        configure(site.Options.Tls.Acme);
        await site.StartAsync();
        return site;
    }

    public async Task StartAsync()
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(
                [new("Kestrel:Endpoints:Http:Url", $"http://127.0.0.1:{_ports.Http}"), new("Kestrel:Endpoints:Https:Url", $"https://127.0.0.1:{_ports.Https}")])
            .Build();
        _proxy = EdgeProxyServer.BuildDataPlane(configuration, Options, builder =>
        {
            builder.Logging.ClearProviders();
            builder.Services.AddSingleton<IOutageAdvisor>(new FakeAdvisor());
            builder.Services.AddSingleton(_time);
            builder.Services.AddSingleton(_ => StateDirectory.Open(StatePath));
            builder.Services.AddAcme(Options.Tls.Acme);
            Add(builder.Services);
            if (_authority is not null)
            {
                builder.Services.AddSingleton(_ => new AcmeHttp(_authority));
            }
        });
        await _proxy.StartAsync();
    }

    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _proxy, null) is { } proxy)
        {
            using var now = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            await proxy.StopAsync(now.Token);
            await proxy.DisposeAsync();
        }
    }

    public T Get<T>()
        where T : notnull => _proxy!.Services.GetRequiredService<T>();

    /// <summary>Makes an attempt now.</summary>
    /// <returns>Null: there is a new certificate; else why not.</returns>
    public async Task<string?> RenewAsync(string? domain = null) =>
        (await Get<CertificateManager>().RenewAsync(domain, TestContext.Current.CancellationToken))!.Values.FirstOrDefault();

    /// <remarks>With patience for an attempt that fails on a busy machine: the next one comes after a minute.</remarks>
    public Task WaitForCertificateAsync(string? domain = null) => Eventually.TrueAsync(
        () =>
            Certificates.Any(
                certificate => (domain is null || certificate.Name == domain) && certificate.State == CertificateState.Valid && !certificate.Renewing),
        $"the certificate is there; {string.Join("; ", Certificates.Select(certificate => certificate.LastError))}",
        TimeSpan.FromMinutes(3));

    public async Task<string> AskPlainAsync(string host, string path = "/")
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{_ports.Http}{path}") { Headers = { Host = host } };
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        return $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)}";
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _app!.DisposeAsync();
        _directory.Dispose();
    }

    /// <summary>Where the authorities are to be found; the first also under any other name. They outlive the proxy.</summary>
    private sealed class Network(IReadOnlyList<StubAuthority> authorities) : HttpMessageHandler
    {
        private readonly Dictionary<string, HttpMessageInvoker> _byHost = authorities.ToDictionary(
            authority => authority.Host, authority => new HttpMessageInvoker(authority, disposeHandler: false));

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            _byHost.GetValueOrDefault(request.RequestUri!.Host, _byHost[authorities[0].Host]).SendAsync(request, cancellationToken);
    }
}
