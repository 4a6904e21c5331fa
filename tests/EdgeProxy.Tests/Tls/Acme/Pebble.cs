using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls.Acme;

namespace EdgeProxy.Tests.Tls.Acme;

/// <summary>Let's Encrypt's own test authority, with a DNS server that responds with 127.0.0.1 for every name. Real processes on free ports, ended when
/// disposed.</summary>
/// <remarks>It looks for challenges at <see cref="HttpPort"/> and <see cref="TlsPort"/>, where the proxy under test is to listen.</remarks>
internal sealed class Pebble : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly TestAuthority _authority = new();
    private readonly int _port = Backend.FreePort();
    private readonly int _managementPort = Backend.FreePort();
    private readonly int _dnsPort = Backend.FreePort();
    private readonly int _dnsManagementPort = Backend.FreePort();
    private readonly ConcurrentQueue<string> _log = [];
    private readonly List<Process> _processes = [];
    private readonly HttpClient _client;
    private readonly (string Name, string Value)[] _environment;
    private Process? _pebble;

    private Pebble((string, string)[] environment)
    {
        _environment = environment;
        _client = new HttpClient(AcmeHttp.CreateHandler(WriteRoot()));
    }

    public static string? SkipReason { get; } = File.Exists("/usr/bin/pebble") && File.Exists("/usr/bin/pebble-challtestsrv")
        ? null
        : "pebble is not installed (apt install pebble)";

    public int HttpPort { get; } = Backend.FreePort();

    public int TlsPort { get; } = Backend.FreePort();

    public string DirectoryUrl => $"https://localhost:{_port}/dir";

    /// <summary>The root of the authority's own API, not of what it issues.</summary>
    public string ApiRootFile => _directory["api-root.pem"];

    /// <summary>How many orders it was asked for.</summary>
    public int Orders => _log.Count(line => line.Contains("POST /order-plz", StringComparison.Ordinal));

    public string Log => string.Join('\n', _log.TakeLast(60));

    /// <param name="lifetime">Of its certificates; null: 90 days.</param>
    /// <param name="environment">E.g. <c>PEBBLE_WFE_NONCEREJECT</c>.</param>
    public static async Task<Pebble> StartAsync(TimeSpan? lifetime = null, params (string Name, string Value)[] environment)
    {
        Assert.SkipWhen(SkipReason is not null, SkipReason ?? "");
        var pebble = new Pebble(environment);
        await pebble.WriteSettingsAsync(lifetime ?? TimeSpan.FromDays(90));
        pebble.Run(
            "/usr/bin/pebble-challtestsrv",
            ["-dns01", $"127.0.0.1:{pebble._dnsPort}", "-management", $"127.0.0.1:{pebble._dnsManagementPort}",
                "-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]);
        await pebble.BeginAsync();
        return pebble;
    }

    /// <summary>Starts it after <see cref="End"/>, with everything that it knew forgotten, and a new root.</summary>
    public async Task BeginAsync()
    {
        _pebble = Run("/usr/bin/pebble", ["-config", _directory["pebble.json"], "-strict", "-dnsserver", $"127.0.0.1:{_dnsPort}"]);
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    return (await _client.GetAsync(DirectoryUrl, TestContext.Current.CancellationToken)).IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            "Pebble responds");
    }

    public void End() => _pebble!.KillAndWait();

    /// <summary>The root of what it issues since it was started.</summary>
    public async Task<X509Certificate2> GetRootAsync() =>
        X509Certificate2.CreateFromPem(await _client.GetStringAsync($"https://localhost:{_managementPort}/roots/0", TestContext.Current.CancellationToken));

    /// <summary>From now on the name cannot be resolved.</summary>
    public async Task FailDnsAsync(string name)
    {
        using var body = new StringContent($$"""{"host":"{{name}}"}""");
        using var dns = new HttpClient();
        (await dns.PostAsync($"http://127.0.0.1:{_dnsManagementPort}/set-servfail", body, TestContext.Current.CancellationToken)).EnsureSuccessStatusCode();
    }

    public ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            process.KillAndWait();
            process.Dispose();
        }

        _client.Dispose();
        _directory.Dispose();
        return ValueTask.CompletedTask;
    }

    private string WriteRoot()
    {
        File.WriteAllText(ApiRootFile, _authority.Root.ExportCertificatePem());
        return ApiRootFile;
    }

    private async Task WriteSettingsAsync(TimeSpan lifetime)
    {
        var (chain, key) = _authority.Issue(["localhost"]);
        await File.WriteAllTextAsync(_directory["api.pem"], chain);
        await File.WriteAllTextAsync(_directory["api.key"], key);
        await File.WriteAllTextAsync(
            _directory["pebble.json"],
            $$"""
            {
              "pebble": {
                "listenAddress": "127.0.0.1:{{_port}}",
                "managementListenAddress": "127.0.0.1:{{_managementPort}}",
                "certificate": "{{_directory["api.pem"]}}",
                "privateKey": "{{_directory["api.key"]}}",
                "httpPort": {{HttpPort}},
                "tlsPort": {{TlsPort}},
                "ocspResponderURL": "",
                "externalAccountBindingRequired": {{(_environment.Contains(("EAB", "required")) ? "true" : "false")}},
                "externalAccountMACKeys": { "kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W" },
                "domainBlocklist": ["blocked.test"],
                "certificateValidityPeriod": {{(int)lifetime.TotalSeconds}}
              }
            }
            """);
    }

    private Process Run(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PEBBLE_VA_NOSLEEP"] = "1";
        start.Environment["PEBBLE_AUTHZREUSE"] = "0";
        foreach (var (name, value) in _environment)
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start)!;
        process.OutputDataReceived += Note;
        process.ErrorDataReceived += Note;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _processes.Add(process);
        return process;

        void Note(object sender, DataReceivedEventArgs line) => _log.Enqueue(line.Data ?? "");
    }
}
