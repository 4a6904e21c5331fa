using EdgeProxy.Admin;
using EdgeProxy.Apps;
using EdgeProxy.Diagnostics;
using EdgeProxy.Settings;
using EdgeProxy.Slots;
using EdgeProxy.Units;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EdgeProxy.Tests.Support;

/// <summary>The whole server as the product composes it, its public side in memory: for tests of the pipeline that need no socket. The app and the admin
/// listener are real.</summary>
/// <param name="app">The address of the active slot, blue.</param>
/// <param name="settings">Standard sections, such as <c>AllowedHosts</c>.</param>
internal sealed class EdgeProxyFactory(string app, params (string Key, string Value)[] settings) : WebApplicationFactory<Program>
{
    private readonly TemporaryDirectory _directory = new();

    public string AccessLogFile => _directory["access.log"];

    public Uri AdminUrl => Services.GetRequiredService<AdminServer>().Url!;

    /// <summary>Not found by running <c>Program</c>, as the base does: that is the command line.</summary>
    protected override IHostBuilder CreateHostBuilder() => new HostBuilder();

    protected override IHost CreateHost(IHostBuilder builder)
    {
        var options = new EdgeProxyOptions
        {
            Slots = new SlotsOptions { Blue = new() { Address = app }, Green = new() { Address = $"unix:{_directory["green.sock"]}" } },
            Admin = new AdminOptions { Socket = null, Url = "http://127.0.0.1:0", TokenFile = _directory["admin.token"] },
            State = new() { Directory = _directory["state"] },
            AccessLog = new AccessLogOptions { Path = AccessLogFile },
        };
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(setting => new KeyValuePair<string, string?>(setting.Key, setting.Value)))
            .Build();
        var server = EdgeProxyServer.Build(configuration, options, server =>
        {
            server.Logging.ClearProviders();
            server.WebHost.UseTestServer();
            server.Services.AddSingleton<IStartupFilter, RawTarget>();
            var units = new FakeUnits();
            units[SlotName.Blue].Runs();
            server.Services.AddSingleton<ConfigureApp>((_, services) => services.AddSingleton<IUnitManager>(units));
        });
        server.Start();
        return server;
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _directory.Dispose();
    }

    /// <summary>Kestrel tells the request target as it was sent; the server in memory leaves it out.</summary>
    private sealed class RawTarget : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((HttpContext context, RequestDelegate rest) =>
            {
                context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = context.Request.GetEncodedPathAndQuery();
                return rest(context);
            });
            next(app);
        };
    }
}
