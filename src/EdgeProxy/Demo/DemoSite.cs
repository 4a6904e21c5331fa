using EdgeProxy.Api;
using EdgeProxy.Apps;
using EdgeProxy.Common;
using EdgeProxy.Hosting;
using EdgeProxy.Processes;
using EdgeProxy.Settings;
using EdgeProxy.Slots;
using EdgeProxy.Units.Process;

namespace EdgeProxy.Demo;

/// <summary>A demo cannot go on; the message says why.</summary>
internal sealed class DemoException(string message, int exitCode) : Exception(message)
{
    public int ExitCode { get; } = exitCode;
}

/// <summary>What a demo is to be.</summary>
/// <param name="Port">The public port; null: any free one.</param>
/// <param name="AdminPort">The admin port; null: any free one.</param>
/// <param name="Django">Run the sample Django project under gunicorn instead of the built-in sample backend.</param>
internal sealed record DemoPlan(int? Port, int? AdminPort, bool Django);

/// <summary>A whole EdgeProxy in this process, with two copies of a sample app as its children, in a temporary directory. Disposing ends and removes all of
/// it.</summary>
internal sealed class DemoSite : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly WebApplication _app;

    private DemoSite(DemoSettings settings, WebApplication app)
    {
        (Settings, _app) = (settings, app);
        Admin = AdminClient.ForSocket(settings.Socket);
    }

    public DemoSettings Settings { get; }

    public AdminClient Admin { get; }

    /// <summary>Starts it, and returns when the app responds through the proxy.</summary>
    /// <exception cref="DemoException">A port is taken, Django is not there, or the app does not respond.</exception>
    public static async Task<DemoSite> StartAsync(DemoPlan plan, CancellationToken cancellationToken)
    {
        await DemandAsync(plan, cancellationToken);
        var directory = Directory.CreateTempSubdirectory("edgeproxy-demo-").FullName;
        DemoSite? site = null;
        try
        {
            if (plan.Django)
            {
                DjangoSample.WriteTo(directory);
            }

            var free = LoopbackPort.Free(4);
            var command = plan.Django
                ? DjangoSample.Command
                : $"{CommandTemplate.Quote(ChildLauncher.OwnExecutable)} {SampleBackend.Verb} --port {{port}} --slot {{slot}}";
            var settings = new DemoSettings(directory, plan.Port ?? free[0], plan.AdminPort ?? free[1], free[2], free[3], command);
            site = new DemoSite(settings, Build(settings.WriteAndLoad()));
            await site._app.StartAsync(cancellationToken);
            await site.WaitForResponseAsync(cancellationToken);
            return site;
        }
        catch (Exception e)
        {
            await (site?.DisposeAsync() ?? ValueTask.CompletedTask);
            Remove(directory);
            if (ListenFailure.Explain(e) is { } why)
            {
                throw new DemoException(why, ExitCode.Usage); // somebody took the port a moment ago
            }

            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Admin.Dispose();
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync(); // ends the children
        Remove(Settings.Directory);
    }

    private static async Task DemandAsync(DemoPlan plan, CancellationToken cancellationToken)
    {
        foreach (var (port, option) in (ReadOnlySpan<(int?, string)>)[(plan.Port, "--port"), (plan.AdminPort, "--admin-port")])
        {
            if (port is { } wanted && LoopbackPort.Problem(wanted) is { } problem)
            {
                throw new DemoException($"port {wanted} of 127.0.0.1 {problem}; choose another with {option}", ExitCode.Usage);
            }
        }

        if (plan.Django && await DjangoSample.ProblemAsync(cancellationToken) is { } missing)
        {
            throw new DemoException(missing, ExitCode.Usage);
        }
    }

    private static WebApplication Build(EdgeProxySettings settings) => settings.Options is { } options
        ? EdgeProxyServer.Build(settings.Configuration, options)
        : throw new InvalidOperationException($"the demo's settings are not valid: {string.Join("; ", settings.Problems)}");

    /// <summary>Waits for the app itself first: a request that the proxy holds would make it warn of an outage.</summary>
    private async Task WaitForResponseAsync(CancellationToken cancellationToken)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var began = TimeProvider.System.GetTimestamp();
        while (!await RespondsAsync(http, $"http://127.0.0.1:{Settings.BluePort}/", cancellationToken))
        {
            if (TimeProvider.System.GetElapsedTime(began) > Patience)
            {
                throw await ExplainAsync($"the sample app does not respond within {Patience.TotalSeconds} s", cancellationToken);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancellationToken);
        }

        if (!await RespondsAsync(http, Settings.PublicUrl, cancellationToken))
        {
            throw await ExplainAsync("the sample app responds, but not through the proxy", cancellationToken);
        }
    }

    private static async Task<bool> RespondsAsync(HttpClient http, string url, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await http.GetAsync(new Uri(url), cancellationToken);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<DemoException> ExplainAsync(string problem, CancellationToken cancellationToken)
    {
        var log = await _app.Services.GetRequiredService<AppRegistry>().Only!.Units.ReadLogAsync(SlotName.Blue, 20, cancellationToken);
        return new DemoException($"{problem}; its last lines:\n  {string.Join("\n  ", log)}", ExitCode.Failed);
    }

    private static void Remove(string directory)
    {
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
