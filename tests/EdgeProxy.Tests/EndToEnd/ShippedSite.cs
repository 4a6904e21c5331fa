using System.Net;
using System.Net.Security;
using System.Text.Json;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>A build of EdgeProxy that can be <c>/usr/bin/edgeproxy</c>.</summary>
public enum ProxyBuild
{
    /// <summary>The tests' own, run by dotnet. Its JIT makes memory executable and more: that much of the unit's hardening is taken off.</summary>
    Managed,

    /// <summary><c>EDGEPROXY_BINARY</c>.</summary>
    Native,

    /// <summary><c>EDGEPROXY_OTHER_BINARY</c>: another version, the last release say.</summary>
    Other,
}

/// <summary>A server set up by the unit files of <c>deploy</c>, as they are: on a machine with a network of its own, with the ports and users that they
/// name.</summary>
public sealed class ShippedSite : IAsyncDisposable
{
    public const string Proxy = "edgeproxy.service";
    public const string Name = "api.example.com";

    public static readonly IReadOnlyList<string> Units =
        [Proxy, "edgeproxy-http.socket", "edgeproxy-https.socket", "app-server-blue.service", "app-server-green.service"];

    private static readonly string _deploy = Path.Combine(AppContext.BaseDirectory, "deploy");

    private ShippedSite(SystemdLab lab) => Lab = lab;

    public SystemdLab Lab { get; }

    /// <summary>Signs the certificate of <see cref="Name"/>.</summary>
    internal TestAuthority Authority { get; } = new();

    /// <summary>The builds that this run of the tests has.</summary>
    public static IReadOnlyList<ProxyBuild> Builds { get; } = [
        .. Enum.GetValues<ProxyBuild>().Where(build => build == ProxyBuild.Managed || BinaryOf(build) is not null)];

    /// <summary>Boots, installs and starts everything, and waits until the app is served.</summary>
    /// <param name="settings">Members of <c>EdgeProxy</c> in the settings, each with a comma behind it.</param>
    /// <param name="build">Null: the native one where there is one.</param>
    public static async Task<ShippedSite> StartAsync(string settings = "", ProxyBuild? build = null)
    {
        string[] shares = [.. Builds.Select(BinaryOf).OfType<string>().Select(binary => $"{binary}:/opt{binary}")];
        var site = new ShippedSite(await SystemdLab.BootAloneAsync(shares));
        try
        {
            await site.InstallAsync(settings, build ?? (BinaryOf(ProxyBuild.Native) is null ? ProxyBuild.Managed : ProxyBuild.Native));
            await site.SystemctlAsync("start", "edgeproxy-http.socket", "edgeproxy-https.socket");
            await site.SystemctlAsync("start", Proxy);
            await Eventually.TrueAsync(async () => await site.AskAsync() == "200", "the app is served on port 80");
            return site;
        }
        catch (Exception error)
        {
            var journal = await site.JournalAsync();
            await site.DisposeAsync();
            throw new InvalidOperationException($"{error.Message}\n{journal}", error);
        }
    }

    public async Task<string> RunAsync(params string[] command) => (await Lab.RunAsync(command)).Text;

    public async Task SystemctlAsync(params string[] command) => _ = await RunAsync(["systemctl", .. command]);

    public Task<string> ShowAsync(string unit, string property) => RunAsync("systemctl", "show", "--value", "-p", property, unit);

    /// <summary>From the admin API, on the port of its default.</summary>
    public Task<JsonElement> StatusAsync() => GetAsync("/status");

    /// <inheritdoc cref="StatusAsync"/>
    public async Task<JsonElement> GetAsync(string path)
    {
        using var client = new HttpClient(NewHandler());
        using var json = JsonDocument.Parse(await client.GetStringAsync($"http://127.0.0.1:9900{path}", TestContext.Current.CancellationToken));
        return json.RootElement.Clone();
    }

    public async Task<string> JournalAsync() => (await Lab.RunAsync("journalctl", "--no-pager", "-o", "short-precise", "-n", "80")).Output;

    /// <summary>The status of the health path on port 80, as curl prints it.</summary>
    public async Task<string> AskAsync() =>
        (await Lab.RunAsync("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "20", "http://localhost/v1/config/feature-flags/")).Output;

    /// <summary>Clients on both ports, over HTTP/1.1 and HTTP/2.</summary>
    public IReadOnlyList<MixedLoad> StartClients() =>
    [
        MixedLoad.Start(new Uri($"http://{Name}"), connect: Lab.ConnectAsync),
        MixedLoad.Start(new Uri($"https://{Name}"), root: Authority.Root, connect: Lab.ConnectAsync),
        MixedLoad.Start(new Uri($"https://{Name}"), root: Authority.Root, connect: Lab.ConnectAsync, isHttp2: true),
    ];

    /// <summary>A client of one connection after the other, over HTTP/1.1, or over HTTP/2 with one for all.</summary>
    public HttpClient NewClient(string scheme, bool isHttp2 = false)
    {
        var client = new HttpClient(NewHandler()) { BaseAddress = new Uri($"{scheme}://{Name}"), Timeout = TimeSpan.FromSeconds(60) };
        if (isHttp2)
        {
            (client.DefaultRequestVersion, client.DefaultVersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);
        }

        return client;
    }

    /// <summary>For WebSockets.</summary>
    public HttpMessageInvoker NewInvoker() => new(NewHandler());

    /// <summary>Puts another build in the place of <c>/usr/bin/edgeproxy</c>, as a package manager does: beside it, then renamed. The running process keeps the
    /// old one.</summary>
    public async Task InstallBinaryAsync(ProxyBuild build)
    {
        const string Beside = "/usr/bin/edgeproxy.new";
        if (BinaryOf(build) is { } binary)
        {
            await RunAsync("install", "-m", "755", $"/opt{binary}", Beside);
        }
        else
        {
            await Lab.WriteFileAsync(
                Beside, $"#!/bin/sh\nDOTNET_CLI_HOME=/tmp exec {SystemdLab.DotnetInside}/dotnet {SystemdLab.TestsInside}/edgeproxy.dll \"$@\"\n");
            await RunAsync("chmod", "755", Beside);
            await Lab.WriteFileAsync($"/etc/systemd/system/{Proxy}.d/managed.conf", "[Service]\nMemoryDenyWriteExecute=no\nSystemCallFilter=\n");
            await SystemctlAsync("daemon-reload");
        }

        await RunAsync("mv", Beside, "/usr/bin/edgeproxy");
    }

    /// <summary>Writes the settings; the next start reads them.</summary>
    public Task WriteSettingsAsync(string settings = "") => Lab.WriteFileAsync("/etc/edgeproxy/appsettings.json", $$"""
        {
          "AllowedHosts": "localhost;{{Name}}",
          "EdgeProxy": {
            {{settings}}
            {{(settings.Contains("\"Switch\"", StringComparison.Ordinal) ? "" : """ "Switch": { "Observe": "00:00:01" }, """)}}
            "Slots": {
              "Blue": { "Address": "http://127.0.0.1:8000", "Unit": "app-server-blue.service" },
              "Green": { "Address": "http://127.0.0.1:8100", "Unit": "app-server-green.service" }
            },
            "Upstream": { "ServerKeepAlive": "00:01:15" },
            "Tls": { "Certificates": [{ "Certificate": "/etc/edgeproxy/fullchain.pem", "Key": "/etc/edgeproxy/key.pem" }], "RedirectHttp": false },
            "AccessLog": { "Path": "/var/log/edgeproxy/access.log" }
          }
        }
        """);

    public ValueTask DisposeAsync() => Lab.DisposeAsync();

    private SocketsHttpHandler NewHandler() => new()
    {
        UseProxy = false,
        ConnectCallback = (to, cancellation) => Lab.ConnectAsync(to.DnsEndPoint.Port, cancellation),
        SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = TlsClient.Trust(Authority.Root) },
    };

    private static string? BinaryOf(ProxyBuild build)
    {
        var variable = build switch
        {
            ProxyBuild.Native => "EDGEPROXY_BINARY",
            ProxyBuild.Other => "EDGEPROXY_OTHER_BINARY",
            _ => null,
        };
        return variable is not null && Environment.GetEnvironmentVariable(variable) is { Length: > 0 } binary ? binary : null;
    }

    private async Task InstallAsync(string settings, ProxyBuild build)
    {
        foreach (var unit in Units)
        {
            await CopyAsync($"systemd/{unit}", $"/etc/systemd/system/{unit}");
        }

        await CopyAsync("polkit/49-edgeproxy.rules", "/etc/polkit-1/rules.d/49-edgeproxy.rules");
        foreach (var kind in (string[])["sysusers", "tmpfiles"])
        {
            await CopyAsync($"{kind}.d/edgeproxy.conf", $"/usr/lib/{kind}.d/edgeproxy.conf");
        }

        await RunAsync("systemd-sysusers");
        await RunAsync("systemd-tmpfiles", "--create", "edgeproxy.conf");
        await WriteSettingsAsync(settings);
        var (chain, key) = Authority.Issue([Name]);
        await Lab.WriteFileAsync("/etc/edgeproxy/fullchain.pem", chain);
        await Lab.WriteFileAsync("/etc/edgeproxy/key.pem", key);
        await RunAsync("chown", "root:edgeproxy", "/etc/edgeproxy/key.pem");
        await RunAsync("chmod", "640", "/etc/edgeproxy/key.pem");
        await InstallAppAsync();
        await InstallBinaryAsync(build);
        await SystemctlAsync("daemon-reload");
    }

    /// <summary>As its units expect it.</summary>
    private async Task InstallAppAsync()
    {
        await RunAsync("useradd", "--system", "app");
        await Lab.WriteFileAsync("/etc/app/app.env", "SECRET_KEY=not-for-everybody\n");
        foreach (var slot in (string[])["blue", "green"])
        {
            await RunAsync("mkdir", "-p", $"/srv/app/{slot}/.venv/bin");
            await RunAsync("cp", "-r", $"{SystemdLab.TestsInside}/django/.", $"/srv/app/{slot}");
            await RunAsync("ln", "-s", "/usr/bin/gunicorn", $"/srv/app/{slot}/.venv/bin/gunicorn");
            await Lab.WriteFileAsync($"/srv/app/{slot}/app/wsgi.py", $"import os\nos.environ['SLOT'] = '{slot}'\nfrom sample.wsgi import application\n");
        }
    }

    private async Task CopyAsync(string file, string target) =>
        await Lab.WriteFileAsync(target, await File.ReadAllTextAsync(Path.Combine(_deploy, file), TestContext.Current.CancellationToken));
}
