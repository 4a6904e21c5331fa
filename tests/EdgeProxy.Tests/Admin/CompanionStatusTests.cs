using EdgeProxy.Slots;
using EdgeProxy.Switching.Companions;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using Microsoft.Extensions.DependencyInjection;

namespace EdgeProxy.Tests.Admin;

/// <summary>Status says what each companion is doing.</summary>
public sealed class CompanionStatusTests : IAsyncLifetime
{
    private readonly Dictionary<string, FakeUnits> _units = new() { ["worker"] = new(), ["mailer"] = new() };
    private AdminHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await AdminHost.StartAsync(host =>
    {
        host.Plane.ConfigureAppServices = services => services.AddSingleton<CreateCompanionUnits>((name, _, _) => _units[name]);
        host.Plane.Options.Companions =
        [
            new() { Name = "worker", BlueUnit = "worker-blue.service", GreenUnit = "worker-green.service" },
            new() { Name = "mailer", Unit = "mailer.service", When = CompanionStart.AfterObserve },
        ];
    });

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Each_unit_is_there_with_its_state()
    {
        _units["mailer"][SlotName.Blue].Failure = new UnitException("the bus does not respond");

        var companions = (await _host.GetJsonAsync("/status"))["companions"]!.AsArray();

        Assert.Equal(
            [("worker", "blue", "Active"), ("worker", "green", "Inactive"), ("mailer", null, null)],
            companions.Select(one => ((string?)one!["name"], (string?)one["slot"], (string?)one["unitState"])));
        var command = await CommandLine.RunAsync("status", "--admin", _host.ByPort.BaseAddress!.ToString());
        Assert.Matches(@"COMPANION +SLOT +UNIT +STATE\n *worker +blue +\S+ +Active\n *worker +green +\S+ +Inactive\n *mailer +both +\S+\n", command.Output);
    }
}
