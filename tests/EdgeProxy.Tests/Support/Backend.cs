using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EdgeProxy.Tests.Support;

/// <summary>An app server: a real Kestrel on a loopback port.</summary>
internal sealed class Backend : IAsyncDisposable
{
    private const int FirstPort = 10_000;

    /// <summary>From here on the kernel gives ports to callers (<c>ip_local_port_range</c>, ip(7)), so that one that is free now may not be when its server
    /// starts.</summary>
    private const int FirstPortOfCallers = 32_768;

    private static int _lastPort = Random.Shared.Next();

    private readonly WebApplication _app;

    private Backend(WebApplication app) => _app = app;

    public int Port => new Uri(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;

    public string Address => $"http://127.0.0.1:{Port}";

    public static async Task<Backend> StartAsync(RequestDelegate handler, int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear(); // the proxy's own appsettings.json may lie beside the tests
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Limits.MaxRequestBodySize = null;
        });
        var app = builder.Build();
        app.UseWebSockets();
        app.Run(handler);
        await app.StartAsync();
        return new Backend(app);
    }

    /// <summary>A backend that responds to every request with its name.</summary>
    public static Task<Backend> NamedAsync(string name, int port = 0) => StartAsync(context => context.Response.WriteAsync(name), port);

    /// <summary>A loopback port where nothing listens. Another one each time.</summary>
    public static int FreePort()
    {
        while (true)
        {
            var port = FirstPort + (int)((uint)Interlocked.Increment(ref _lastPort) % (FirstPortOfCallers - FirstPort));
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken: the next one.
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }
}
