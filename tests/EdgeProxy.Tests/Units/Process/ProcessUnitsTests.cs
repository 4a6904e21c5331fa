using System.Globalization;
using EdgeProxy.Platform;
using EdgeProxy.Processes;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using EdgeProxy.Units.Process;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Units.Process;

/// <summary>With real children; nothing in them listens, so that slots need no ports.</summary>
public sealed class ProcessUnitsTests : IDisposable
{
    private const string Forever = "exec sleep 600";

    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_child_is_the_leader_of_its_own_group_which_ends_with_it()
    {
        await using var units = Create(Forever);
        await units.StartAsync(SlotName.Blue, Cancellation);
        var running = await Status(units);
        Assert.True(running.Memory > 0);
        await Eventually.TrueAsync(() => CommandOf(running.MainPid).StartsWith("sleep", StringComparison.Ordinal), "the child has become the command");
        var group = ProcessGroup.Of(running.MainPid)!.Value;
        Assert.Contains(running.MainPid, group.Members());
        Assert.DoesNotContain(Environment.ProcessId, group.Members());

        await units.StopAsync(SlotName.Blue, Cancellation);
        Assert.Empty(group.Members());
    }

    [Fact]
    public async Task A_program_that_does_not_exist_fails_with_the_reason_in_the_log()
    {
        await using var units = Create(command: "/no/such/program --port {port}");
        await units.StartAsync(SlotName.Blue, Cancellation);

        await Eventually.TrueAsync(async () => (await Status(units)) is { State: UnitState.AutoRestart, ExitStatus: 203 }, "exit status 203");

        Assert.Contains(
            await units.ReadLogAsync(SlotName.Blue, 10, Cancellation),
            line => line.Contains("cannot run /no/such/program: No such file", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_ignores_SIGTERM_is_killed_with_its_whole_group()
    {
        await using var units = Create("trap '' TERM; sh -c 'while :; do sleep 1; done' & echo ready; wait; sleep 600", stopTimeout: TimeSpan.FromSeconds(1));
        await units.StartAsync(SlotName.Blue, Cancellation);
        await Eventually.TrueAsync(async () => (await units.ReadLogAsync(SlotName.Blue, 10, Cancellation)).Contains("ready"), "the trap is set");
        var group = ProcessGroup.Of((await Status(units)).MainPid)!.Value;
        Assert.True(group.Members().Count >= 2);

        Assert.Equal(UnitJobResult.Done, await units.StopAsync(SlotName.Blue, Cancellation));

        Assert.Empty(group.Members());
    }

    [Fact]
    public async Task Workers_of_a_leader_that_crashed_are_ended_before_the_restart()
    {
        await using var units = Create("sleep 600 & echo worker $!; exit 1");
        await units.StartAsync(SlotName.Blue, Cancellation);
        await Eventually.TrueAsync(async () => (await Status(units)).Restarts >= 1, "a restart");

        var first = (await units.ReadLogAsync(SlotName.Blue, 100, Cancellation)).First(line => line.StartsWith("worker ", StringComparison.Ordinal));

        Assert.DoesNotContain("sleep", CommandOf(int.Parse(first.Split(' ')[1], CultureInfo.InvariantCulture)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_reach_the_child_and_what_is_systemds_does_not()
    {
        await using var units = Create(
            "pwd; echo $GREETING {slot} {port}; env | grep -E '^(LISTEN_|NOTIFY_|WATCHDOG_)'; grep SigIgn /proc/$$/status; exec sleep 600",
            environment: new() { ["GREETING"] = "good day", ["PATH"] = Environment.GetEnvironmentVariable("PATH")! });
        await units.StartAsync(SlotName.Green, Cancellation);

        await Eventually.TrueAsync(async () => (await units.ReadLogAsync(SlotName.Green, 10, Cancellation)).Count == 3, "three lines");

        Assert.Equal(
            [_directory.Path, "good day green 2", "SigIgn:\t0000000000000000"],
            await units.ReadLogAsync(SlotName.Green, 10, Cancellation));
    }

    [Fact]
    public async Task The_log_file_of_the_slot_is_quoted_after_the_output()
    {
        await File.WriteAllLinesAsync(_directory["app.log"], ["one", "two", "three"], Cancellation);
        var slots = Slots;
        slots.Blue!.Log = _directory["app.log"];
        slots.Green!.Log = _directory["missing.log"];
        await using var units = Create("echo out; exec sleep 600", slots: slots);
        await units.StartAsync(SlotName.Blue, Cancellation);
        await Eventually.TrueAsync(async () => (await units.ReadLogAsync(SlotName.Blue, 2, Cancellation))[0] == "out", "the output");

        Assert.Equal(["out", $"{_directory["app.log"]}:", "two", "three"], await units.ReadLogAsync(SlotName.Blue, 2, Cancellation));
        Assert.StartsWith($"{_directory["missing.log"]}: ", Assert.Single(await units.ReadLogAsync(SlotName.Green, 2, Cancellation)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disposing_stops_both_slots()
    {
        var units = Create(Forever);
        await units.StartAsync(SlotName.Blue, Cancellation);
        await units.StartAsync(SlotName.Green, Cancellation);
        var groups = new[] { SlotName.Blue, SlotName.Green }.Select(
            async slot => ProcessGroup.Of((await units.GetStatusAsync(slot, Cancellation)).MainPid)!.Value);
        var both = await Task.WhenAll(groups);

        await units.DisposeAsync();

        Assert.All(both, group => Assert.Empty(group.Members()));
    }

    /// <summary>Whoever asks first, and however late.</summary>
    [Fact]
    public async Task Children_of_the_process_before_live_on_where_they_are_asked_for_after_the_handover()
    {
        using var first = StateDirectory.Open(_directory["state"]);
        await using var before = Create(Forever, state: first);
        await before.StartAsync(SlotName.Blue, Cancellation);
        var child = (await Status(before)).MainPid;
        await Eventually.TrueAsync(() => CommandOf(child).StartsWith("sleep", StringComparison.Ordinal), "the child has become the command");
        first.GiveAway(true);
        using var second = StateDirectory.Adopt(first.FullPath, LibC.Duplicate(first.Descriptor!.Value, 3));

        await using var after = Create(Forever, state: second);
        second.TakeOver();

        var status = await Status(after);
        Assert.Equal((UnitState.Active, child), (status.State, status.MainPid));
        Assert.StartsWith("sleep", CommandOf(child), StringComparison.Ordinal);
    }

    /// <summary>Otherwise there would be two: the other process starts it, too.</summary>
    [Fact]
    public async Task A_unit_that_is_given_away_during_the_delay_of_its_restart_is_not_started()
    {
        var time = new FakeTimeProvider();
        using var state = StateDirectory.Open(_directory["state"]);
        await using var units = Create(command: "/no/such/program --port {port}", state: state, time: time);
        await units.StartAsync(SlotName.Blue, Cancellation);
        await Eventually.TrueAsync(async () => (await Status(units)).State == UnitState.AutoRestart, "it waits for its restart");

        state.GiveAway(true);
        time.Advance(TimeSpan.FromHours(1));
        await units.StopAsync(SlotName.Blue, Cancellation);

        var status = await Status(units);
        Assert.Equal((UnitState.Inactive, 0), (status.State, status.Restarts));
    }

    /// <summary>The same of one whose fork has begun: the other process does not know of it.</summary>
    [Fact]
    public async Task A_child_that_is_forked_while_its_unit_is_given_away_does_not_live_on()
    {
        using var state = StateDirectory.Open(_directory["state"]);
        await using var units = Create($"echo $$ >> {_directory["pids"]}; exec sleep 600", state: state);
        state.GiveAway(true);
        var start = units.StartAsync(SlotName.Blue, Cancellation);

        await Eventually.TrueAsync(async () => (await Status(units)).State == UnitState.Deactivating, "it is ended");
        var pids = File.Exists(_directory["pids"]) ? await File.ReadAllLinesAsync(_directory["pids"], Cancellation) : [];
        Assert.DoesNotContain(pids, pid => CommandOf(int.Parse(pid, CultureInfo.InvariantCulture)).StartsWith("sleep", StringComparison.Ordinal));

        state.GiveAway(false);
        await start.Within();
        await Eventually.TrueAsync(async () => (await Status(units)).State == UnitState.Active, "the handover has failed, and the slot runs again");
    }

    private static SlotsOptions Slots => new() { Blue = new() { Address = "http://127.0.0.1:1" }, Green = new() { Address = "http://127.0.0.1:2" } };

    private static Task<UnitStatus> Status(ProcessUnits units) => units.GetStatusAsync(SlotName.Blue, Cancellation);

    private static string CommandOf(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline");
        }
        catch (IOException)
        {
            return "";
        }
    }

    private ProcessUnits Create(
        string? script = null,
        string? command = null,
        TimeSpan? stopTimeout = null,
        Dictionary<string, string>? environment = null,
        SlotsOptions? slots = null,
        StateDirectory? state = null,
        TimeProvider? time = null) => new(
        slots ?? Slots,
        new UnitsOptions
        {
            Process = new()
            {
                Command = command ?? $"sh -c \"{script!.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"",
                WorkingDirectory = _directory.Path,
                Environment = environment,
                StopTimeout = stopTimeout ?? TimeSpan.FromSeconds(20),
            },
        },
        state?.FullPath ?? _directory.Path,
        time ?? TimeProvider.System,
        NullLogger<ProcessUnits>.Instance,
        state);
}
