using System.Net.Sockets;
using System.Text;
using EdgeProxy.Admin;
using EdgeProxy.AdminCalls;
using EdgeProxy.Apps;
using EdgeProxy.Diagnostics;
using EdgeProxy.Settings;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EdgeProxy.Tests.Admin;

/// <summary>The whole server: whatever is sent to the public listener, the app responds or nobody does.</summary>
public sealed class PublicListenerTests : IAsyncLifetime
{
    /// <summary>A header of each of its responses, errors included.</summary>
    private const string MarkOfTheAdminApi = "X-Frame-Options: DENY";

    private readonly TemporaryDirectory _directory = new();
    private Backend _blue = null!;
    private WebApplication _server = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private int AdminPort => _server.Services.GetRequiredService<AdminServer>().Url!.Port;

    public async ValueTask InitializeAsync()
    {
        _blue = await Backend.StartAsync(context => context.Response.WriteAsync("the app"));
        var options = new EdgeProxyOptions
        {
            Slots = new SlotsOptions { Blue = new() { Address = _blue.Address }, Green = new() { Address = $"unix:{_directory["green.sock"]}" } },
            Admin = new AdminOptions { Socket = _directory["admin.sock"], Url = "http://127.0.0.1:0", TokenFile = _directory["admin.token"] },
            State = new() { Directory = _directory["state"] },
            AccessLog = new AccessLogOptions { Format = AccessLogFormat.None },
        };
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("Kestrel:Endpoints:Http:Url", "http://127.0.0.1:0")]).Build();
        _server = EdgeProxyServer.Build(configuration, options, builder =>
        {
            builder.Logging.ClearProviders();
            var units = new FakeUnits();
            units[SlotName.Blue].Runs();
            builder.Services.AddSingleton<ConfigureApp>((_, services) => services.AddSingleton<IUnitManager>(units));
        });
        await _server.StartAsync(Cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.StopAsync(CancellationToken.None);
        await _server.DisposeAsync();
        await _blue.DisposeAsync();
        _directory.Dispose();
    }

    [Theory]
    [InlineData("GET", "//status")]
    [InlineData("GET", "/%73tatus")]
    [InlineData("GET", "/app/%2e%2e/status")]
    [InlineData("GET", "/app/../status")]
    [InlineData("GET", "http://localhost:ADMIN/status")]
    [InlineData("POST", "http://127.0.0.1:ADMIN/switch")]
    [InlineData("CONNECT", "127.0.0.1:ADMIN")]
    [InlineData("OPTIONS", "*")]
    public async Task No_odd_target_reaches_the_admin_api(string method, string target)
    {
        var token = await File.ReadAllTextAsync(_directory["admin.token"], Cancellation);
        target = target.Replace("ADMIN", $"{AdminPort}", StringComparison.Ordinal);
        foreach (var host in new[] { "localhost", $"127.0.0.1:{AdminPort}", "shop.example.com" })
        {
            var response = await SendAsync(
                $"{method} {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token.Trim()}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

            Assert.True(
                response.Contains("the app", StringComparison.Ordinal)
                    || response.StartsWith("HTTP/1.1 400 ", StringComparison.Ordinal)
                    || response.StartsWith("HTTP/1.1 501 ", StringComparison.Ordinal),
                response);
            Assert.DoesNotContain(MarkOfTheAdminApi, response, StringComparison.Ordinal);
        }

        Assert.Null(_server.Services.GetRequiredService<AppRegistry>().Only!.Switches.Running);
        Assert.Null(_server.Services.GetRequiredService<AppRegistry>().Only!.Switches.Last);
    }

    /// <summary>Every path that the admin API has, asked for by every method, host and form of the request target: all of it is the app's.</summary>
    [Fact]
    public async Task No_path_of_the_admin_api_is_known_here()
    {
        var token = await File.ReadAllTextAsync(_directory["admin.token"], Cancellation);
        var paths = AdminPaths();
        Assert.Superset(new HashSet<string> { "/switch", "/switches", "/switches/x", "/status", "/health", "/events", "/livez", "/readyz" }, paths);
        foreach (var path in paths)
        {
            foreach (var host in new[] { "localhost", $"127.0.0.1:{AdminPort}", $"[::1]:{AdminPort}", "shop.example.com" })
            {
                foreach (
                    var request in from method in new[]
                    {
                        "GET",
                        "POST",
                        "PUT",
                        "DELETE",
                    }
                                   from authority in new[] { "", $"http://{host}" }
                                   select $"{method} {authority}{path}")
                {
                    var response = await SendAsync(
                        $"{request} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token.Trim()}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

                    Assert.True(
                        response.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal) && response.Contains("the app", StringComparison.Ordinal),
                        $"{request}, Host {host}: {response}");
                    Assert.DoesNotContain(MarkOfTheAdminApi, response, StringComparison.Ordinal);
                }
            }
        }

        Assert.Null(_server.Services.GetRequiredService<AppRegistry>().Only!.Switches.Last);
    }

    /// <summary>Without this the tests above could pass because nothing of the admin API works.</summary>
    [Fact]
    public async Task The_same_request_reaches_it_on_its_own_port()
    {
        var response = await SendAsync("GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", AdminPort);
        Assert.Contains("\"active\":\"blue\"", response, StringComparison.Ordinal);
        Assert.Contains(MarkOfTheAdminApi, response, StringComparison.Ordinal);
    }

    private HashSet<string> AdminPaths()
    {
        IEndpointRouteBuilder routes = WebApplication.CreateSlimBuilder().Build();
        _server.Services.GetRequiredService<AdminEndpoints>().Map(routes);
        foreach (var calls in _server.Services.GetServices<IAdminCalls>())
        {
            calls.Map(routes);
        }

        return [.. routes.DataSources.SelectMany(source => source.Endpoints).Cast<RouteEndpoint>()
            .Select(endpoint => endpoint.RoutePattern.RawText!.Replace("{id}", "x", StringComparison.Ordinal))];
    }

    private async Task<string> SendAsync(string request, int? port = null)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", port ?? new Uri(_server.Urls.First()).Port, Cancellation);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request), Cancellation);
        using var reader = new StreamReader(stream, Encoding.Latin1);
        return await reader.ReadToEndAsync(Cancellation).Within();
    }
}
