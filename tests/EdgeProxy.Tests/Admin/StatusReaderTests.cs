using EdgeProxy.Api;
using Microsoft.Extensions.DependencyInjection;

namespace EdgeProxy.Tests.Admin;

/// <summary>Features add their part of the status; its shape is one contract, whoever is there.</summary>
public sealed class StatusReaderTests
{
    [Fact]
    public async Task The_members_and_their_order_do_not_depend_on_features()
    {
        await using var host = await AdminHost.StartAsync();

        var status = (await host.GetJsonAsync("/status")).AsObject();

        Assert.Equal(
            [
                "version", "pid", "uptime", "active", "slots", "switch", "lastSwitch", "pause", "maintenance", "held", "places", "companions",
                "certificates", "rescue", "former", "fleet", "sites", "apps",
            ],
            status.Select(member => member.Key));
        Assert.Equal(
            [
                "active", "slots", "switch", "lastSwitch", "pause", "maintenance", "held", "places", "rescue", "companions", "fleet", "hosts",
            ],
            status["apps"]!["app"]!.AsObject().Select(member => member.Key));
    }

    [Fact]
    public async Task A_feature_adds_its_part()
    {
        await using var host = await AdminHost.StartAsync(host =>
        {
            var others = host.Plane.ConfigureServices;
            host.Plane.ConfigureServices = services =>
            {
                others?.Invoke(services);
                services.AddSingleton<IStatusPart>(new Part());
            };
        });

        var status = await host.GetJsonAsync("/status");

        Assert.Equal(7, (int)status["former"]![0]!["pid"]!);
        Assert.Equal("example.com", (string?)status["apps"]!["app"]!["hosts"]![0]);
    }

    private sealed class Part : IStatusPart
    {
        public ValueTask<StatusView> AddAsync(StatusView status, CancellationToken cancellationToken) => ValueTask.FromResult(
            status with { Former = [new FormerProcessView(7, DateTimeOffset.UnixEpoch, 1, new InFlightView(1, 0, 0), Responds: true)] });

        public AppStatusView Add(AppStatusView status, IServiceProvider services) => status with { Hosts = ["example.com"] };
    }
}
