using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;

namespace EdgeProxy.Tests.Units.Systemd;

/// <summary>The promises of a unit manager, kept by a real systemd.</summary>
[Collection(SystemdCollection.Name)]
public sealed class SystemdUnitManagerTests(SystemdMachine machine) : UnitManagerTests
{
    protected override async Task<IUnitManager> ManageAsync(string script, TimeSpan? stopTimeout = null, bool restartsLate = false, string test = "")
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await machine.Lab.WriteFileAsync(Script(test), script);
        var seconds = (int)(stopTimeout ?? Eventually.Patience).TotalSeconds;
        return machine.Lab.Manage(await machine.Lab.AddServiceAsync(
            $"ExecStart=/bin/sh {Script(test)}\nRestart=on-failure\nRestartSec={(restartsLate ? "1h" : "500ms")}\nTimeoutStopSec={seconds}",
            $"Manager_{test}"));
    }

    protected override Task RepairAsync(string test = "") => machine.Lab.WriteFileAsync($"{Script(test)}.repaired", "");

    private static string Script(string test) => $"/opt/unit-manager-tests/{test}";
}
