using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using EdgeProxy.Demo;
using EdgeProxy.Processes;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units.Process;

namespace EdgeProxy.Tests.Apps;

/// <summary>The proxy as a process of its own before two apps, <c>shop</c> and <c>blog</c>, each with sample apps as child processes in its slots.</summary>
internal sealed class SeveralApps : IAsyncDisposable
{
    public static readonly string[] Names = ["blog", "shop"];

    private readonly TemporaryDirectory _directory = new();
    private readonly int _port = Backend.FreePort();
    private readonly HttpClient _admin;
    private CommandProcess? _process;

    private SeveralApps()
    {
        var socket = Socket;
        _admin = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancellation);
                return new NetworkStream(connection, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://localhost/") };
        Client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };
    }

    public HttpClient Client { get; }

    public string Socket => _directory["admin.sock"];

    public string AccessLog => _directory["access.log"];

    public string State => _directory["state"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<SeveralApps> StartAsync()
    {
        var site = new SeveralApps();
        await File.WriteAllTextAsync(site._directory["appsettings.json"], site.Settings().ToJsonString(), Cancellation);
        await site.StartProcessAsync();
        return site;
    }

    /// <summary>Ends it as by SIGTERM, and starts the next process.</summary>
    public async Task RestartAsync()
    {
        Assert.Equal(0, await _process!.TerminateAsync());
        _process.Dispose();
        await StartProcessAsync();
    }

    public Task<CommandLine> RunAsync(params string[] arguments) => CommandLine.RunAsync([.. arguments, "--socket", Socket]);

    /// <summary>A request for a host.</summary>
    public async Task<HttpResponseMessage> GetAsync(string host, string path = "/")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = host } };
        return await Client.SendAsync(request, Cancellation);
    }

    public static string HostOf(string app) => $"{app}.example.com";

    /// <summary>Another host of an app, in the form of DNS.</summary>
    public static string ForeignHostOf(string app) => app == "shop" ? "xn--bcher-kva.example" : "xn--mnchen-3ya.example";

    public async Task<JsonNode> AdminAsync(string path) => JsonNode.Parse(await _admin.GetStringAsync(path, Cancellation))!;

    public Task<string> MetricsAsync() => _admin.GetStringAsync("metrics", Cancellation);

    public async Task<JsonNode> StatusAsync(string app) => (await AdminAsync("status"))["apps"]![app]!;

    /// <summary>The main process of an app's active slot; null: it has none now.</summary>
    public async Task<int?> PidAsync(string app)
    {
        var status = await StatusAsync(app);
        return (int?)status["slots"]![(string)status["active"]!]!["mainPid"];
    }

    public async ValueTask DisposeAsync()
    {
        _admin.Dispose();
        Client.Dispose();
        if (_process is not null)
        {
            await _process.TerminateAsync();
            _process.Dispose();
        }

        _directory.Dispose();
    }

    private async Task StartProcessAsync()
    {
        _process = CommandProcess.Start("run", "--config", _directory["appsettings.json"]);
        await Eventually.TrueAsync(async () => (await Task.WhenAll(Names.Select(RespondsAsync))).All(responds => responds), "both apps respond");
    }

    private async Task<bool> RespondsAsync(string app)
    {
        try
        {
            using var response = await GetAsync(HostOf(app));
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false; // it does not listen yet
        }
    }

    private JsonObject Settings() => new JsonObject
    {
        ["Kestrel"] = JsonNode.Parse($$"""{ "Endpoints": { "Http": { "Url": "http://127.0.0.1:{{_port}}" } } }"""),
        ["EdgeProxy"] = new JsonObject
        {
            ["Apps"] = new JsonObject(Names.Select(name => KeyValuePair.Create<string, JsonNode?>(name, App(name)))),
            ["Units"] = new JsonObject { ["Manager"] = "Process" },
            ["Admin"] = new JsonObject { [nameof(Socket)] = Socket, ["Url"] = "" },
            [nameof(State)] = new JsonObject { ["Directory"] = State },
            [nameof(AccessLog)] = new JsonObject { ["Path"] = AccessLog },
        },
    };

    private static JsonObject App(string name)
    {
        var command = $"{CommandTemplate.Quote(ChildLauncher.OwnExecutable)} {SampleBackend.Verb} --port {{port}} --slot {{slot}}";
        return new JsonObject
        {
            ["Hosts"] = new JsonArray(HostOf(name), ForeignHostOf(name)),
            ["Slots"] = JsonNode.Parse(
                $$"""{ "Blue": { "Address": "http://127.0.0.1:{{Backend.FreePort()}}" }, "Green": { "Address": "http://127.0.0.1:{{Backend.FreePort()}}" } }"""),
            ["Switch"] = JsonNode.Parse("""{ "Observe": "00:00:01" }"""),
            ["Upstream"] = name == "blog" ? JsonNode.Parse("""{ "MaxRequestBodySize": 10 }""") : JsonNode.Parse("""{ "HoldTimeout": "00:00:20" }"""),
            ["Units"] = new JsonObject { ["Process"] = new JsonObject { ["Command"] = command } },
        };
    }
}
