using System.Net;
using System.Net.Sockets;
using EdgeProxy.AdminCalls;
using EdgeProxy.Platform;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace EdgeProxy.Admin;

/// <summary>The admin API's own server: its own Kestrel, pipeline and limits. Nothing of it exists in the public server, so nothing of it can be reached
/// there.</summary>
/// <remarks>Owned by the main host: it starts and stops it. A socket or port that cannot be had fails the start (<see cref="AdminListenException"/>).</remarks>
internal sealed partial class AdminServer(
    AdminOptions options,
    AdminAccess access,
    AdminEndpoints endpoints,
    IEnumerable<IAdminCalls> features,
    IEnumerable<IAdminGuard> guards,
    ListeningSockets listening,
    ILoggerFactory loggers) : IHostedService, IAsyncDisposable
{
    /// <summary>Connections to the port; those to the socket are not counted, so that nobody locks out the command line.</summary>
    internal const int MaxConnections = 64;

    private readonly ILogger<AdminServer> _logger = loggers.CreateLogger<AdminServer>();
    private WebApplication? _app;

    /// <summary>The URL of the port, once it listens; null: only the socket does.</summary>
    public Uri? Url { get; private set; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var hasUrl = AdminUrl.TryParse(options.Url, out var url);
        if (string.IsNullOrEmpty(options.Socket) && !hasUrl)
        {
            return;
        }

        if (!string.IsNullOrEmpty(options.Socket) && !listening.IsHandedOver(new UnixDomainSocketEndPoint(options.Socket)))
        {
            AdminSocketFile.Prepare(options.Socket);
        }

        _app = Build(url);
        try
        {
            await _app.StartAsync(cancellationToken);
        }
        catch (Exception inUse) when (inUse is IOException or SocketException)
        {
            var addresses = string.Join(" and ", new[] { options.Url, options.Socket }.Where(address => !string.IsNullOrEmpty(address)));
            throw new AdminListenException(
                $"The admin API cannot listen on {addresses}: {inUse.Message.TrimEnd('.')}. Free it, or change Admin:Url or Admin:Socket. EdgeProxy has " +
                    "ended and serves nothing.",
                inUse);
        }

        var urls = _app.Urls;
        Url = urls.Where(address => !address.Contains("unix:", StringComparison.Ordinal)).Select(address => new Uri(address)).FirstOrDefault();
        Log.Listening(_logger, string.Join(", ", urls));
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_app is { } app)
        {
            await app.StopAsync(cancellationToken); // closes the socket, which removes its file
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is { } app)
        {
            await app.DisposeAsync();
        }
    }

    /// <summary>An empty builder: neither the settings nor the environment nor the signals of the main host reach this server.</summary>
    private WebApplication Build(AdminUrl? url)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddRoutingCore();
        builder.WebHost.SuppressStatusMessages(true); // this class logs where it listens
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Configure(kestrel, url));
        builder.Services.AddSingleton<IConnectionListenerFactory>(provider =>
            new AdminListeners(ActivatorUtilities.CreateInstance<SocketTransportFactory>(provider), listening, BindWithMode));

        var app = builder.Build();
        app.UseExceptionHandler(new ExceptionHandlerOptions { ExceptionHandler = WriteFailureAsync });
        app.UseStatusCodePages(WriteEmptyErrorAsync);
        app.Use(access.InvokeAsync);
        foreach (var guard in guards)
        {
            app.Use(guard.GuardAsync);
        }

        app.UseRouting();
        endpoints.Map(app);
        foreach (var calls in features)
        {
            calls.Map(app);
        }

        return app;
    }

    private void Configure(KestrelServerOptions kestrel, AdminUrl? url)
    {
        kestrel.AddServerHeader = false;
        var limits = kestrel.Limits;
        limits.MaxRequestBodySize = 64 * 1024;
        limits.MaxRequestLineSize = 4 * 1024;
        limits.MaxRequestHeadersTotalSize = 16 * 1024;
        limits.MaxRequestHeaderCount = 50;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(5);
        limits.KeepAliveTimeout = TimeSpan.FromSeconds(30);
        kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http1);

        if (!string.IsNullOrEmpty(options.Socket))
        {
            kestrel.ListenUnixSocket(options.Socket, AdminAccess.TrustConnections);
        }

        if (url is not null)
        {
            kestrel.Listen(url.EndPoint, listen => new ConnectionLimit(MaxConnections).Use(listen));
        }
    }

    /// <summary>Sets the mode between bind(2) and listen(2): before, there is no file; after, somebody could have connected.</summary>
    private Socket BindWithMode(EndPoint endPoint)
    {
        var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint);
        if (endPoint is UnixDomainSocketEndPoint && options.ParsedSocketMode is { } mode)
        {
            File.SetUnixFileMode(options.Socket!, mode);
        }

        return socket;
    }

    private static Task WriteFailureAsync(HttpContext context) =>
        Problem.WriteAsync(context, StatusCodes.Status500InternalServerError, "EdgeProxy itself failed; its log says how. Traffic is not affected.");

    private static Task WriteEmptyErrorAsync(StatusCodeContext error) => error.HttpContext.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => Problem.WriteAsync(error.HttpContext, StatusCodes.Status404NotFound, "There is nothing at this path."),
        StatusCodes.Status405MethodNotAllowed =>
            Problem.WriteAsync(error.HttpContext, StatusCodes.Status405MethodNotAllowed, "This path does not take this method; the header Allow says which."),
        var status => Problem.WriteAsync(error.HttpContext, status, "The request was not understood."),
    };

    /// <summary>The main host stops this one; a signal must not end it before the rest.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private static partial class Log
    {
        [LoggerMessage(810, LogLevel.Information, "The admin API listens on {Addresses}")]
        public static partial void Listening(ILogger logger, string addresses);
    }
}
