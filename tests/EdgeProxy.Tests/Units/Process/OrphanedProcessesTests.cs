using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using EdgeProxy.Processes;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using EdgeProxy.Units.Process;
using Microsoft.Extensions.Logging.Abstractions;
using OsProcess = System.Diagnostics.Process;

namespace EdgeProxy.Tests.Units.Process;

/// <summary>The processes that a killed proxy orphans: real ones, started here in its place.</summary>
public sealed class OrphanedProcessesTests : IDisposable
{
    private static readonly string BootId = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    private readonly TemporaryDirectory _directory = new();
    private readonly List<ProcessGroup> _started = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        foreach (var group in _started.Where(group => group.Members().Count > 0))
        {
            group.Signal(ProcessGroup.Kill);
        }

        _directory.Dispose();
    }

    [Fact]
    public async Task A_child_dies_when_its_proxy_is_killed()
    {
        // The shell stands for the proxy.
        using var proxy = Run("sh", "-c", $"'{ChildLauncher.OwnExecutable}' {ExecChild.Verb} --parent $$ -- sh -c 'echo $$; exec sleep 600' & wait");
        Assert.Equal(ExecChild.ReadyLine, await proxy.StandardOutput.ReadLineAsync(Cancellation).Within());
        var child = ProcessGroup.Of(int.Parse((await proxy.StandardOutput.ReadLineAsync(Cancellation).Within())!, CultureInfo.InvariantCulture))!.Value;
        _started.Add(child);
        Assert.True(child.LeaderRuns);

        proxy.Kill();

        await Eventually.TrueAsync(() => !child.LeaderRuns, "the child is gone");
    }

    [Fact]
    public async Task A_child_whose_proxy_is_gone_before_it_starts_does_not_start()
    {
        using var child = Run(ChildLauncher.OwnExecutable, ExecChild.Verb, "--parent", "1", "--", "echo", "started");

        Assert.DoesNotContain("started", await child.StandardOutput.ReadToEndAsync(Cancellation).Within(), StringComparison.Ordinal);
        await child.EndWithin();
        Assert.NotEqual(0, child.ExitCode);
    }

    [Fact]
    public async Task What_a_killed_proxy_has_orphaned_is_stopped_at_the_next_start()
    {
        var orphan = await StartAsync("one", "exec sleep 600");
        await SaveAsync(BootId, new ProcessRecord(orphan.Pid, orphan.StartTime, "one"));

        await using var units = Create();
        Assert.Equal(UnitState.Inactive, (await units.GetStatusAsync(SlotName.Blue, Cancellation)).State);

        Assert.Empty(orphan.Members());
    }

    [Fact]
    public async Task Workers_whose_leader_is_gone_are_recognised_by_their_invocation()
    {
        var ours = await StartAsync("one", "sleep 600 & exit 0");
        var foreign = await StartAsync("another", "sleep 600 & exit 0");
        await Eventually.TrueAsync(() => !ours.LeaderRuns && !foreign.LeaderRuns, "both leaders are gone");
        Assert.Single(ours.Members());
        await SaveAsync(BootId, new ProcessRecord(ours.Pid, ours.StartTime, "one"), new ProcessRecord(foreign.Pid, foreign.StartTime, "one"));

        await using var units = Create();
        await units.GetStatusAsync(SlotName.Blue, Cancellation);

        Assert.Empty(ours.Members());
        Assert.Single(foreign.Members());
    }

    [Fact]
    public async Task Another_process_that_got_the_pid_since_is_left_alone()
    {
        var other = await StartAsync("one", "exec sleep 600");
        await SaveAsync(BootId, new ProcessRecord(other.Pid, other.StartTime - 1, "one"));

        await using var units = Create();
        await units.GetStatusAsync(SlotName.Blue, Cancellation);

        Assert.True(other.LeaderRuns);
    }

    [Fact]
    public async Task A_file_from_before_the_last_boot_says_nothing()
    {
        var other = await StartAsync("one", "exec sleep 600");
        await SaveAsync("another boot", new ProcessRecord(other.Pid, other.StartTime, "one"));

        await using var units = Create();
        await units.GetStatusAsync(SlotName.Blue, Cancellation);

        Assert.True(other.LeaderRuns);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"bootId\":")]
    [InlineData("null")]
    public async Task A_torn_file_does_not_stop_the_proxy(string content)
    {
        await File.WriteAllTextAsync(_directory["processes.json"], content, Cancellation);

        await using var units = Create();

        Assert.Equal(UnitJobResult.Done, await units.StartAsync(SlotName.Blue, Cancellation));
    }

    [Fact]
    public async Task The_file_names_what_runs_and_only_that()
    {
        await using var units = Create();
        await units.StartAsync(SlotName.Blue, Cancellation);
        var status = await units.GetStatusAsync(SlotName.Blue, Cancellation);

        var record = Assert.Single(Saved().Processes);
        Assert.Equal((status.MainPid, status.InvocationId), (record.Pid, record.InvocationId));
        Assert.Equal(ProcessGroup.Of(status.MainPid)!.Value.StartTime, record.StartTime);

        await units.StopAsync(SlotName.Blue, Cancellation);
        Assert.Empty(Saved().Processes);
    }

    private ProcessUnits Create() => new(
        new SlotsOptions { Blue = new() { Address = "http://127.0.0.1:1" }, Green = new() { Address = "http://127.0.0.1:2" } },
        new UnitsOptions { Process = new() { Command = "sleep 600" } },
        _directory.Path,
        TimeProvider.System,
        NullLogger<ProcessUnits>.Instance);

    private ProcessRecords Saved() => JsonSerializer.Deserialize(File.ReadAllBytes(_directory["processes.json"]), ProcessJson.Default.ProcessRecords)!;

    private Task SaveAsync(string bootId, params ProcessRecord[] records) => File.WriteAllBytesAsync(
        _directory["processes.json"],
        JsonSerializer.SerializeToUtf8Bytes(new ProcessRecords(bootId, records), ProcessJson.Default.ProcessRecords),
        Cancellation);

    /// <summary>Starts a shell as the leader of a group of its own.</summary>
    private async Task<ProcessGroup> StartAsync(string invocationId, string script)
    {
        using var process = Run("setsid", "env", $"INVOCATION_ID={invocationId}", "sh", "-c", $"echo $$; read _; {script}");
        var group = ProcessGroup.Of(int.Parse((await process.StandardOutput.ReadLineAsync(Cancellation).Within())!, CultureInfo.InvariantCulture))!.Value;
        _started.Add(group);
        process.StandardInput.Close(); // only now may it go on, and end
        return group;
    }

    private static OsProcess Run(string program, params string[] arguments) =>
        OsProcess.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
}
