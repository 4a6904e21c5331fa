using EdgeProxy.Demo;
using EdgeProxy.Processes;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Admin.Dashboard;

/// <summary>A whole EdgeProxy as a process of its own, with two copies of the sample app, on ports that outlive it: it can be restarted under an open
/// page.</summary>
internal sealed class DashboardSite : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly string _settings;
    private CommandProcess _proxy;

    private DashboardSite(string sites)
    {
        var ports = LoopbackPort.Free(4);
        PublicUrl = $"http://127.0.0.1:{ports[0]}/";
        Url = $"http://127.0.0.1:{ports[1]}/";
        _settings = _directory["settings.json"];
        File.WriteAllText(_settings, $$"""
            {
              "EdgeProxy": {
                "Slots": { "Blue": { "Address": "http://127.0.0.1:{{ports[2]}}" }, "Green": { "Address": "http://127.0.0.1:{{ports[3]}}" } },
                "Units": { "Manager": "Process", "Process": { "Command": "'{{ChildLauncher.OwnExecutable}}' {{SampleBackend.Verb}} --port {port} --slot {slot}" } },
                "Health": { "Path": "/", "MonitorInterval": "00:00:01" },
                "Switch": { "Observe": "00:00:01" },
                "Admin": { "Socket": null, "Url": "{{Url}}", "TokenFile": "{{_directory["token"]}}" },
                "State": { "Directory": "{{_directory["state"]}}" },
                "Sites": {{sites}},
                "AccessLog": { "Format": "None" }
              },
              "Kestrel": { "Endpoints": { "Http": { "Url": "{{PublicUrl}}" } } }
            }
            """);
        _proxy = CommandProcess.Start("run", "--config", _settings);
    }

    /// <summary>The dashboard.</summary>
    public string Url { get; }

    public string PublicUrl { get; }

    public string Token => File.ReadAllText(_directory["token"]).Trim();

    /// <param name="sites"><c>EdgeProxy:Sites</c>.</param>
    public static async Task<DashboardSite> StartAsync(string sites = "[]")
    {
        var site = new DashboardSite(sites);
        await site.WaitAsync();
        return site;
    }

    public async Task StopAsync() => await _proxy.TerminateAsync();

    public async Task StartAgainAsync()
    {
        _proxy.Dispose();
        _proxy = CommandProcess.Start("run", "--config", _settings);
        await WaitAsync();
    }

    public void Dispose()
    {
        _proxy.Dispose();
        _directory.Dispose();
    }

    private async Task WaitAsync()
    {
        using var http = new HttpClient();
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    using var app = await http.GetAsync(PublicUrl, TestContext.Current.CancellationToken);
                    using var admin = await http.GetAsync(Url, TestContext.Current.CancellationToken);
                    return app.IsSuccessStatusCode && admin.IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            "the proxy and its app respond");
    }
}
