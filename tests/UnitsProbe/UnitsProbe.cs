using EdgeProxy.Slots;
using EdgeProxy.Units;
using EdgeProxy.Units.Systemd;
using Microsoft.Extensions.Logging.Abstractions;

namespace EdgeProxy.Tests;

/// <summary>Drives one unit from a process of its own: a test that needs another user runs it inside the lab, where it has one.</summary>
/// <remarks><c>UnitsProbe start|stop|restart|status|log UNIT</c> prints what came back, or the type and message of the exception.</remarks>
internal static class UnitsProbe
{
    private static async Task<int> Main(string[] arguments)
    {
        var slots = new SlotsOptions { Blue = new SlotOptions { Unit = arguments[1] } };
        await using var units = new SystemdUnits(slots, new UnitsOptions(), TimeProvider.System, NullLogger<SystemdUnits>.Instance);
        try
        {
            Console.WriteLine(await RunAsync(units, arguments[0]));
            return 0;
        }
        catch (UnitException e)
        {
            Console.WriteLine($"{e.GetType().Name}: {e.Message}");
            return 1;
        }
    }

    private static async Task<string> RunAsync(SystemdUnits units, string verb) => verb switch
    {
        "start" => $"{await units.StartAsync(SlotName.Blue, CancellationToken.None)}",
        "stop" => $"{await units.StopAsync(SlotName.Blue, CancellationToken.None)}",
        "restart" => $"{await units.RestartAsync(SlotName.Blue, CancellationToken.None)}",
        "status" => $"{(await units.GetStatusAsync(SlotName.Blue, CancellationToken.None)).State}",
        "log" => string.Join('\n', await units.ReadLogAsync(SlotName.Blue, 20, CancellationToken.None)),
        _ => throw new ArgumentException($"what is {verb}?"),
    };
}
