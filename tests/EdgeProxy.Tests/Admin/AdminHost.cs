using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using EdgeProxy.Admin;
using EdgeProxy.Admin.Dashboard;
using EdgeProxy.Handover;
using EdgeProxy.Platform;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using EdgeProxy.Tls.Acme;
using EdgeProxy.Tls.Local;
using Microsoft.Extensions.DependencyInjection;

namespace EdgeProxy.Tests.Admin;

/// <summary>The admin API on a real port and a real Unix socket, over the control plane as the product composes it. Blue is active.</summary>
internal sealed class AdminHost : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private HttpClient? _bySocket;
    private HttpClient? _byPort;

    private AdminHost(TimeProvider? time) => Plane = new ControlPlane(time);

    public ControlPlane Plane { get; }

    public AdminOptions Options => Plane.Options.Admin;

    /// <summary>Everything is allowed here.</summary>
    public HttpClient BySocket => _bySocket ??= new HttpClient(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellation) => new NetworkStream(await ConnectSocketAsync(cancellation), ownsSocket: true),
    })
    { BaseAddress = new Uri("http://localhost/") };

    /// <summary>Without a token.</summary>
    public HttpClient ByPort => _byPort ??= new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Plane.Get<AdminServer>().Url };

    public string Token => File.ReadAllText(Options.TokenFile).Trim();

    public static async Task<AdminHost> StartAsync(Action<AdminHost>? configure = null, TimeProvider? time = null)
    {
        var host = new AdminHost(time);
        host.Options.Socket = host._directory["run/admin.sock"];
        host.Options.Url = "http://127.0.0.1:0";
        host.Options.TokenFile = host._directory["state/admin.token"];
        host.Plane.Options.Health.Interval = TimeSpan.FromMilliseconds(200);
        host.Plane.ConfigureServices = services =>
        {
            services.AddHandoverCalls();
            services.AddTls(host.Plane.Options.Tls).AddAcme(host.Plane.Options.Tls.Acme).AddLocalAuthority(host.Plane.Options.Tls)
                .AddStatusParts([])
                .AddAdmin(host.Plane.Options.Admin)
                .AddDashboard()
                .AddSingleton(new ListeningSockets([]));
        };
        configure?.Invoke(host);
        await host.Plane.StartAsync();
        return host;
    }

    public async Task<Socket> ConnectSocketAsync(CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Options.Socket!), cancellationToken);
        return socket;
    }

    /// <summary>A request with the token, over the port.</summary>
    public HttpRequestMessage WithToken(HttpMethod method, string path, string? json = null) => new(method, path)
    {
        Headers = { { "Authorization", $"Bearer {Token}" } },
        Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json"),
    };

    /// <summary>Sends the bytes as they are over the port, and returns all that comes back until the server closes.</summary>
    public async Task<string> SendRawAsync(string request)
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", ByPort.BaseAddress!.Port, cancellation);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request), cancellation);
        using var reader = new StreamReader(stream, Encoding.Latin1);
        return await reader.ReadToEndAsync(cancellation).Within();
    }

    public static async Task<JsonNode> ReadJsonAsync(HttpResponseMessage response) =>
        JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;

    public async Task<JsonNode> GetJsonAsync(string path)
    {
        using var response = await BySocket.GetAsync(path, TestContext.Current.CancellationToken);
        return await ReadJsonAsync(response);
    }

    public async ValueTask DisposeAsync()
    {
        _bySocket?.Dispose();
        _byPort?.Dispose();
        await Plane.DisposeAsync();
        _directory.Dispose();
    }
}
