using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Switching;

/// <summary>Whatever is found in the state directory, the proxy serves the slot that runs, and the next switch leaves good files.</summary>
public sealed class DamagedStateTests : IAsyncDisposable
{
    private readonly ControlPlane _plane = new();

    private static readonly string[] Files = [
        ActiveSlotFile.FileName, SwitchCheckpointFile.FileName, SwitchHistory.FileName, PauseRecord.FileName, MaintenanceRecord.FileName];

    private static readonly (string How, string Content)[] Damages =
    [
        ("empty", ""),
        ("torn", """{"version":1,"slot":"gre"""),
        ("an older version", """{"version":0,"slot":"blue","since":"2026-01-31T23:59:59Z","maxWait":"00:00:30","message":""}"""),
        ("a later version", """{"version":9,"slot":{"name":"blue"},"since":1}"""),
        ("zeros, as after a power failure", "\0\0\0\0\0\0\0\0"),
        ("a slot that there is not", """{"version":1,"slot":"red","since":"2026-01-31T23:59:59Z"}"""),
    ];

    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var file in Files)
            {
                foreach (var (how, _) in Damages)
                {
                    cases.Add(file, how);
                }

                cases.Add(file, "a directory");
                cases.Add(file, "a link to nowhere");
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task The_slot_that_runs_and_responds_goes_on(string file, string how)
    {
        await _plane.StartAsync();
        Assert.Equal(SwitchOutcome.Completed, (await _plane.SwitchAsync()).Outcome);
        await _plane.StopAsync();
        Damage(file, how);
        var calls = _plane.Units.Calls.Count;

        await _plane.StartAsync();

        Assert.Equal(SlotName.Green, _plane.Slots.Active.Name);
        Assert.Equal(calls, _plane.Units.Calls.Count); // nothing was started or stopped
        Assert.Equal((null, null), (_plane.Get<MaintenanceGate>().Pause, _plane.Get<MaintenanceGate>().Maintenance));
        if (how == "a directory")
        {
            return; // no file can be written there, as the responses of a switch say (see SwitchCoordinatorTests)
        }

        var ended = await _plane.SwitchAsync();
        Assert.Equal((SwitchOutcome.Completed, SlotName.Blue), (ended.Outcome, _plane.Slots.Active.Name));
        await _plane.StopAsync();
        await _plane.StartAsync();
        Assert.Equal((SlotName.Blue, ended.Id), (_plane.Slots.Active.Name, _plane.Switches.Last!.Id));
        Assert.Equal(SlotName.Blue, _plane.ReadActive()!.Slot);
        Assert.False(File.Exists(_plane.StateFile(SwitchCheckpointFile.FileName)));
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();

    private void Damage(string file, string how)
    {
        var path = _plane.StateFile(file);
        File.Delete(path);
        switch (how)
        {
            case "a directory":
                Directory.CreateDirectory(path);
                break;
            case "a link to nowhere":
                File.CreateSymbolicLink(path, "/no/such/file");
                break;
            default:
                File.WriteAllText(path, Damages.Single(damage => damage.How == how).Content);
                break;
        }
    }
}
