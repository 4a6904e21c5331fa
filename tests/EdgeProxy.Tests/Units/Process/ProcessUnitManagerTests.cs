using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using EdgeProxy.Units.Process;
using Microsoft.Extensions.Logging.Abstractions;

namespace EdgeProxy.Tests.Units.Process;

/// <summary>The promises of a unit manager, kept for child processes.</summary>
public sealed class ProcessUnitManagerTests : UnitManagerTests, IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Script => _directory["script"];

    public void Dispose() => _directory.Dispose();

    protected override async Task<IUnitManager> ManageAsync(string script, TimeSpan? stopTimeout = null, bool restartsLate = false, string test = "")
    {
        await File.WriteAllTextAsync(Script, script, Cancellation);
        return new ProcessUnits(
            new() { Blue = new() { Address = "http://127.0.0.1:1" }, Green = new() { Address = "http://127.0.0.1:2" } }, // nothing listens there
            new UnitsOptions { Process = new() { Command = $"sh {Script}", StopTimeout = stopTimeout ?? Eventually.Patience } },
            _directory.Path,
            TimeProvider.System,
            NullLogger<ProcessUnits>.Instance);
    }

    protected override Task RepairAsync(string test = "") => File.WriteAllTextAsync($"{Script}.repaired", "", Cancellation);
}
