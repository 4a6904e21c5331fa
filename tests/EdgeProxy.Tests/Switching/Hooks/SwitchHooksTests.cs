using System.Diagnostics;
using System.Text.Json;
using EdgeProxy.AdminCalls;
using EdgeProxy.Processes;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Hooks;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Processes;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Switching.Hooks;

/// <summary>Real commands, in switches of real apps.</summary>
public sealed class SwitchHooksTests : IAsyncDisposable
{
    private readonly ControlPlane _plane = new();
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Hooks_are_told_what_happens_and_what_they_say_is_kept()
    {
        _plane.Options.Switch.Hooks.BeforeFlip = [Shell("env | grep ^EDGEPROXY_; echo oops >&2")];
        _plane.Options.Switch.Hooks.AfterEnd = [Shell("env | grep ^EDGEPROXY_")];
        await _plane.StartAsync();

        var ended = await _plane.SwitchAsync(new(Label: "a1b2c3\n\0x"));

        Assert.Equal(SwitchOutcome.Completed, ended.Outcome);
        Assert.Equal([SwitchPhase.WarmUp, SwitchPhase.BeforeFlip, SwitchPhase.Flip], ended.Phases.Skip(2).Take(3).Select(phase => phase.Phase));
        Assert.Equal(SwitchPhase.AfterEnd, ended.Phases[^1].Phase);
        Assert.Equal([HookPoint.BeforeFlip, HookPoint.AfterEnd], ended.Hooks!.Select(hook => hook.Hook));
        Assert.All(ended.Hooks!, hook => Assert.Equal((0, null), (hook.ExitStatus, hook.Problem)));
        string[] both =
        [
            "EDGEPROXY_APP=app", $"EDGEPROXY_SWITCH={ended.Id}", "EDGEPROXY_FROM=blue", "EDGEPROXY_TO=green", "EDGEPROXY_LABEL=a1b2c3  x",
            $"EDGEPROXY_TO_ADDRESS={_plane.Green.Address}",
        ];
        Assert.Equal(
            both.Concat(["EDGEPROXY_ACTIVE=blue", "EDGEPROXY_HOOK=BeforeFlip", $"EDGEPROXY_FROM_ADDRESS={_plane.Blue.Address}", "oops"]).Order(),
            ended.Hooks![0].Output.Order());
        Assert.Equal(
            both.Concat(
            [
                "EDGEPROXY_ACTIVE=green", "EDGEPROXY_HOOK=AfterEnd", $"EDGEPROXY_FROM_ADDRESS={_plane.Blue.Address}", "EDGEPROXY_OUTCOME=Completed",
                "EDGEPROXY_REASON=",
            ]).Order(),
            ended.Hooks[1].Output.Order());
        var kept = JsonSerializer.Deserialize(await ReadAsync(_plane.StateFile(SwitchHistory.FileName)), SwitchingJson.Default.Switch);
        Assert.Equal(ended.Hooks[1].Output, kept!.Hooks![1].Output);
        Assert.False(File.Exists(_plane.StateFile(SwitchCheckpointFile.FileName)));
    }

    [Fact]
    public async Task A_hook_that_fails_before_the_flip_aborts_the_switch_and_those_after_it_do_not_run()
    {
        _plane.Options.Switch.Hooks.BeforeFlip = [Shell("echo not good; exit 3"), Shell($"touch {_directory["ran"]}")];
        _plane.Options.Switch.Hooks.AfterEnd = [Shell("echo $EDGEPROXY_OUTCOME on $EDGEPROXY_ACTIVE")];
        await _plane.StartAsync();

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.Aborted, ended.Outcome);
        Assert.StartsWith(
            "BeforeFlip: the hook /bin/sh exited with code 3. Traffic stays on blue. app-server-green.service was stopped again.", ended.Reason,
            StringComparison.Ordinal);
        Assert.Equal(["not good"], ended.Hooks![0].Output);
        Assert.Equal(["Aborted on blue"], ended.Hooks[1].Output);
        Assert.False(File.Exists(_directory["ran"]));
        Assert.Equal(SlotName.Blue, _plane.Slots.Active.Name);
        Assert.Equal(["start blue", "start green", "stop green"], _plane.Units.Calls);
    }

    /// <summary>Whatever ends it before traffic moves: an operator, a probe, a bug of ours.</summary>
    [Theory]
    [InlineData("abort in a preview", "Preview: an abort was asked for.")]
    [InlineData("abort in the hooks before the flip", "BeforeFlip: an abort was asked for.")]
    [InlineData("a version that does not respond", "Probe: ")]
    public async Task The_hooks_after_the_end_run_when_traffic_has_not_moved(string how, string reason)
    {
        _plane.Options.Switch.Hooks.AfterEnd = [Shell("echo $EDGEPROXY_OUTCOME on $EDGEPROXY_ACTIVE")];
        _plane.Options.Switch.Hooks.BeforeFlip = how.Contains("hooks", StringComparison.Ordinal) ? [Shell("exec sleep 600")] : [];
        (_plane.Options.Health.Attempts, _plane.Options.Health.Interval) = (5, TimeSpan.FromMilliseconds(100));
        await _plane.StartAsync();
        var phase = SwitchPhase.BeforeFlip;
        if (how.Contains("respond", StringComparison.Ordinal))
        {
            _plane.Green.Handler = SlotApp.Responds(500);
            phase = SwitchPhase.Probe;
        }

        var preview = how.Contains("preview", StringComparison.Ordinal);
        var start = Assert.IsType<SwitchStart.Started>(
            await _plane.Switches.BeginAsync(new(Preview: preview ? TimeSpan.FromMinutes(15) : null), Cancellation));
        if (phase != SwitchPhase.Probe)
        {
            phase = preview ? SwitchPhase.Preview : phase;
            await Eventually.TrueAsync(() => _plane.Switches.Running?.Phase == phase, "it can be aborted there");
            Assert.IsType<SwitchStart.Joined>(_plane.Switches.Abort());
        }

        var ended = await start.Completion.Within();

        Assert.Equal(SwitchOutcome.Aborted, ended.Outcome);
        Assert.StartsWith(reason, ended.Reason, StringComparison.Ordinal);
        var after = Assert.Single(ended.Hooks!, hook => hook.Hook == HookPoint.AfterEnd);
        Assert.Equal((null, "Aborted on blue"), (after.Problem, Assert.Single(after.Output)));
    }

    [Fact]
    public async Task A_hook_that_fails_after_the_end_is_a_warning_and_the_others_run()
    {
        _plane.Options.Switch.Hooks.AfterEnd = [new() { Command = [_directory["missing"]] }, Shell("kill -KILL $$"), Shell($"touch {_directory["ran"]}")];
        await _plane.StartAsync();

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.CompletedWithWarnings, ended.Outcome);
        Assert.Equal(
            $"Traffic is on green. After the end the hook {_directory["missing"]} exited with code 203; the hook /bin/sh ended by signal 9.", ended.Reason);
        Assert.Contains("No such file", Assert.Single(ended.Hooks![0].Output), StringComparison.Ordinal);
        Assert.True(File.Exists(_directory["ran"]));
        Assert.Equal(SlotName.Green, _plane.Slots.Active.Name);
    }

    /// <summary>A version that turns out to be bad is not kept by a hook that is slow.</summary>
    [Theory]
    [InlineData("rollback")]
    [InlineData("a switch to the slot")]
    public async Task A_request_for_traffic_back_does_not_wait_for_the_hooks_after_the_end(string how)
    {
        _plane.Options.Switch.KeepWarm = TimeSpan.FromHours(1);
        _plane.Options.Switch.Hooks.AfterEnd =
        [
            Shell($"test $EDGEPROXY_TO = blue || {{ echo $$ > {_directory["pid"]}; exec sleep 600; }}", seconds: 600),
            Shell($"echo $EDGEPROXY_TO $EDGEPROXY_OUTCOME >> {_directory["ends"]}"),
        ];
        await _plane.StartAsync();
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        var pid = await ReadSoonAsync(_directory["pid"]);
        Assert.EndsWith(
            "a rollback ends its hooks and takes traffic back", Assert.IsType<SwitchStart.Refused>(_plane.Switches.Abort()).Reason, StringComparison.Ordinal);
        Assert.IsType<SwitchStart.Busy>(await _plane.Switches.BeginAsync(new(), Cancellation)); // a deploy waits
        Assert.True(CommandRunnerTests.Runs(pid));

        var back = Assert.IsType<SwitchStart.Started>(
            how == "rollback"
                ? await _plane.Switches.BeginRollbackAsync(force: false, Cancellation).AsTask().Within()
                : await _plane.Switches.BeginAsync(new(SlotName.Blue), Cancellation).AsTask().Within());

        Assert.False(CommandRunnerTests.Runs(pid));
        var first = await start.Completion.Within();
        Assert.Equal(SwitchOutcome.CompletedWithWarnings, first.Outcome);
        Assert.Equal(
            "Traffic is on green. After the end the hook /bin/sh was ended, and what follows it left out, as traffic was to go back.", first.Reason);
        var second = await back.Completion.Within();
        Assert.Equal((SwitchOutcome.Completed, SlotName.Blue), (second.Outcome!.Value, _plane.Slots.Active.Name));
        Assert.Equal("blue Completed", await ReadSoonAsync(_directory["ends"]));
        Assert.Equal(["start blue", "start green"], _plane.Units.Calls);
    }

    [Fact]
    public async Task Of_two_callers_that_want_traffic_back_the_second_does_not_undo_what_the_first_has_done()
    {
        _plane.Options.Switch.KeepWarm = TimeSpan.FromHours(1);
        _plane.Options.Switch.Hooks.AfterEnd = [Shell($"echo $$ > {_directory["pid"]}; exec sleep 600", seconds: 600)];
        await _plane.StartAsync();
        await _plane.Switches.BeginAsync(new(), Cancellation);
        await ReadSoonAsync(_directory["pid"]);

        var responses = await Task.WhenAll(
            _plane.Switches.BeginRollbackAsync(force: false, Cancellation).AsTask(), _plane.Switches.BeginRollbackAsync(force: false, Cancellation).AsTask())
            .Within();

        Assert.Single(responses.OfType<SwitchStart.Started>());
        Assert.Single(responses, response => response is SwitchStart.Busy or SwitchStart.Refused);
        await Eventually.TrueAsync(() => _plane.Slots.Active.Name == SlotName.Blue, "traffic goes back");
    }

    /// <summary>The version that has failed is not what anybody wants by a rollback.</summary>
    [Fact]
    public async Task A_rollback_waits_for_the_hooks_of_a_switch_that_has_not_moved_traffic()
    {
        _plane.Options.Switch.Hooks.BeforeFlip = [Shell("exit 1")];
        _plane.Options.Switch.Hooks.AfterEnd = [Shell($"echo $$ > {_directory["pid"]}; exec sleep 600", seconds: 600)];
        await _plane.StartAsync();
        await _plane.Switches.BeginAsync(new(), Cancellation);
        var pid = await ReadSoonAsync(_directory["pid"]);

        Assert.IsType<SwitchStart.Busy>(await _plane.Switches.BeginRollbackAsync(force: false, Cancellation));

        Assert.True(CommandRunnerTests.Runs(pid));
        Assert.Equal(SlotName.Blue, _plane.Slots.Active.Name);
    }

    [Fact]
    public async Task A_hook_that_takes_too_long_is_ended_with_all_that_it_has_started()
    {
        _plane.Options.Switch.Hooks.BeforeFlip = [Shell("sleep 600 & echo $!; wait", seconds: 1)];
        await _plane.StartAsync();

        var ended = await _plane.SwitchAsync();

        Assert.Equal(SwitchOutcome.Aborted, ended.Outcome);
        Assert.Contains("the hook /bin/sh was not done within 1 s and was ended", ended.Reason, StringComparison.Ordinal);
        Assert.False(CommandRunnerTests.Runs(Assert.Single(ended.Hooks![0].Output)));
    }

    [Fact]
    public async Task A_hook_gets_nothing_of_the_proxys_environment()
    {
        Environment.SetEnvironmentVariable("HOOK_TEST_SECRET", "hunter2");
        _plane.Options.Switch.Hooks.BeforeFlip = [Shell("env")];
        await _plane.StartAsync();

        var output = (await _plane.SwitchAsync()).Hooks![0].Output;

        Assert.DoesNotContain(output, line => line.Contains("hunter2", StringComparison.Ordinal));
        Assert.Contains(output, line => line.StartsWith("PATH=", StringComparison.Ordinal));
        Assert.Contains($"USER={UserAccount.OwnName}", output);
    }

    [Fact]
    public async Task A_hook_runs_as_the_user_that_it_names()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root runs commands as others");
        _plane.Options.Switch.Hooks.BeforeFlip = [Shell("id -un; id -G; echo $HOME $USER; cat /etc/shadow && exit 9; exit 0", user: "nobody")];
        await _plane.StartAsync();

        var ended = await _plane.SwitchAsync();

        var nobody = UserAccount.Find("nobody")!;
        Assert.Equal(SwitchOutcome.Completed, ended.Outcome);
        Assert.Equal(
            ["nobody", $"{nobody.GroupId}", $"{nobody.Home} nobody"], ended.Hooks![0].Output.Where(line => !line.Contains("shadow", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_stop_in_a_hook_ends_it_and_the_next_process_tells_the_hooks_after_the_end()
    {
        _plane.Options.Switch.Hooks.BeforeFlip = [Shell($"echo $$ > {_directory["pid"]}; exec sleep 600")];
        _plane.Options.Switch.Hooks.AfterEnd = [Shell($"echo $EDGEPROXY_SWITCH $EDGEPROXY_OUTCOME >> {_directory["ends"]}")];
        await _plane.StartAsync();
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        var pid = await ReadSoonAsync(_directory["pid"]);

        await _plane.StopAsync();

        Assert.False(CommandRunnerTests.Runs(pid));
        Assert.Null((await start.Completion.Within()).Outcome);
        Assert.False(File.Exists(_directory["ends"]));
        await _plane.StartAsync();
        Assert.Equal($"{start.Switch.Id} Aborted", await ReadSoonAsync(_directory["ends"]));
        await _plane.Get<Reconciliation>().Finished.Within();
        var ended = _plane.Get<SwitchHistory>().Find(start.Switch.Id)!;
        Assert.Equal((SwitchOutcome.Aborted, HookPoint.AfterEnd), (ended.Outcome!.Value, Assert.Single(ended.Hooks!).Hook));
        Assert.False(File.Exists(_plane.StateFile(SwitchCheckpointFile.FileName)));
    }

    [Fact]
    public async Task A_stop_in_a_hook_after_the_end_repeats_it_and_keeps_the_outcome()
    {
        _plane.Options.Switch.Hooks.AfterEnd =
        [
            Shell($"echo $EDGEPROXY_OUTCOME $EDGEPROXY_ACTIVE >> {_directory["ends"]}; test -e {_directory["again"]} || exec sleep 600"),
        ];
        await _plane.StartAsync();
        var start = Assert.IsType<SwitchStart.Started>(await _plane.Switches.BeginAsync(new(), Cancellation));
        Assert.Equal("Completed green", await ReadSoonAsync(_directory["ends"]));
        Assert.Null(_plane.Switches.Running!.Outcome);

        await _plane.StopAsync();
        await File.WriteAllTextAsync(_directory["again"], "", Cancellation);
        await _plane.StartAsync();

        var ended = _plane.Get<SwitchHistory>().Find(start.Switch.Id)!;
        Assert.Equal((SwitchOutcome.Completed, null), (ended.Outcome!.Value, ended.Reason));
        Assert.Equal("Completed green\nCompleted green", await ReadSoonAsync(_directory["ends"]));
        Assert.Equal(SlotName.Green, _plane.Slots.Active.Name);
    }

    /// <summary>As SIGKILL leaves it: the command, and one that has left its group, go on.</summary>
    [Fact]
    public async Task The_next_process_ends_what_a_killed_one_has_left_of_a_hook()
    {
        using var left = Process.Start(new ProcessStartInfo("setsid", ["sleep", "600"]) { Environment = { [Invocation.Variable] = "left-over" } })!;
        using var other = Process.Start(new ProcessStartInfo("setsid", ["sleep", "600"]) { Environment = { [Invocation.Variable] = "other" } })!;
        var found = new SwitchCheckpoint
        {
            Version = 1,
            StartsCandidate = true,
            HookInvocation = "left-over",
            Switch = new() { Id = "killed", From = SlotName.Blue, To = SlotName.Green, Phase = SwitchPhase.BeforeFlip, StartedAt = DateTimeOffset.UnixEpoch },
        };
        await File.WriteAllBytesAsync(
            _plane.StateFile(SwitchCheckpointFile.FileName), JsonSerializer.SerializeToUtf8Bytes(found, SwitchingJson.Default.SwitchCheckpoint), Cancellation);

        await _plane.StartAsync();

        Assert.NotEqual(0, await left.EndWithin());
        Assert.False(other.HasExited);
        other.KillAndWait();
        Assert.Equal(SwitchOutcome.Aborted, _plane.Get<SwitchHistory>().Find("killed")!.Outcome);
    }

    [Fact]
    public void A_caller_without_the_token_sees_neither_output_nor_arguments()
    {
        var hook = new HookRun
        {
            Hook = HookPoint.BeforeFlip,
            Command = "/bin/x --password y",
            StartedAt = default,
            Output = ["secret"],
            Problem = "exited with code 1",
        };
        var all = new EdgeProxy.Switching.Switch { Id = "1", From = SlotName.Blue, To = SlotName.Green, StartedAt = default, Hooks = [hook] };

        var seen = Assert.Single(AdminCaller.Reader.View(all).Hooks!);

        Assert.Equal(("/bin/x", "exited with code 1"), (seen.Command, seen.Problem));
        Assert.Empty(seen.Output);
        Assert.Same(all, AdminCaller.Trusted.View(all));
    }

    public async ValueTask DisposeAsync()
    {
        await _plane.DisposeAsync();
        _directory.Dispose();
    }

    private static HookOptions Shell(string line, int seconds = 60, string? user = null) =>
        new() { Command = ["/bin/sh", "-c", line], Timeout = TimeSpan.FromSeconds(seconds), User = user };

    private static async Task<string> ReadAsync(string path) => (await File.ReadAllTextAsync(path, Cancellation)).TrimEnd();

    private static async Task<string> ReadSoonAsync(string path)
    {
        await Eventually.TrueAsync(() => File.Exists(path) && new FileInfo(path).Length > 0, $"{path} is written");
        return await ReadAsync(path);
    }
}
