using EdgeProxy.Slots;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using EdgeProxy.Units.Systemd;

namespace EdgeProxy.Tests.Units.Systemd;

[Collection(SystemdCollection.Name)]
public sealed class SystemdUnitsTests(SystemdMachine machine)
{
    private const string Sleeper = "ExecStart=/bin/sleep infinity";

    /// <summary>Becomes ready when the file is there.</summary>
    private const string ReadyWhenTold = "Type=notify\nNotifyAccess=all\nExecStart=/bin/sh -c 'until [ -e /tmp/%p ]; do sleep 0.05; done; systemd-notify " +
        "--ready; exec sleep infinity'";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_signal_that_stops_a_unit_is_known()
    {
        var lab = Lab();
        await using var units = lab.Manage(await lab.AddServiceAsync(Sleeper + "\nKillSignal=SIGQUIT"));
        Assert.Equal(3, (await units.GetStatusAsync(SlotName.Blue, Cancellation)).KillSignal);
    }

    [Fact]
    public async Task A_unit_that_exits_while_it_starts_has_failed()
    {
        var lab = Lab();
        await using var units = lab.Manage(await lab.AddServiceAsync("Type=notify\nExecStart=/bin/sh -c 'exit 7'"));

        Assert.Equal(UnitJobResult.Failed, await units.StartAsync(SlotName.Blue, Cancellation));

        var status = await units.GetStatusAsync(SlotName.Blue, Cancellation);
        Assert.Equal((UnitState.Failed, "exit-code", 7), (status.State, status.Result, status.ExitStatus));
    }

    [Fact]
    public async Task A_unit_that_exits_after_its_start_is_seen_as_failed()
    {
        var lab = Lab();
        await using var units = lab.Manage(await lab.AddServiceAsync("ExecStart=/bin/sh -c 'kill -KILL $$$$'"));

        Assert.Equal(UnitJobResult.Done, await units.StartAsync(SlotName.Blue, Cancellation));

        await Eventually.TrueAsync(async () => (await units.GetStatusAsync(SlotName.Blue, Cancellation)).State == UnitState.Failed, "the unit has failed");
        var status = await units.GetStatusAsync(SlotName.Blue, Cancellation);
        Assert.Equal(("signal", 9), (status.Result, status.ExitStatus));
    }

    [Fact]
    public async Task A_unit_that_never_says_that_it_is_ready_fails_with_a_timeout()
    {
        var lab = Lab();
        await using var units = lab.Manage(await lab.AddServiceAsync("Type=notify\nTimeoutStartSec=300ms\n" + Sleeper));

        Assert.Equal(UnitJobResult.Failed, await units.StartAsync(SlotName.Blue, Cancellation));

        var status = await units.GetStatusAsync(SlotName.Blue, Cancellation);
        Assert.Equal((UnitState.Failed, "timeout"), (status.State, status.Result));
    }

    [Fact]
    public async Task Stopping_a_unit_that_is_being_started_cancels_the_start()
    {
        var lab = Lab();
        await using var units = lab.Manage(await lab.AddServiceAsync(ReadyWhenTold));
        var start = units.StartAsync(SlotName.Blue, Cancellation);
        await WaitForAsync(units, UnitState.Activating);

        Assert.Equal(UnitJobResult.Done, await units.StopAsync(SlotName.Blue, Cancellation));
        Assert.Equal(UnitJobResult.Canceled, await start);
    }

    [Fact]
    public async Task Two_waiters_on_one_job_both_learn_how_it_ended()
    {
        var lab = Lab();
        var unit = await lab.AddServiceAsync(ReadyWhenTold);
        await using var units = lab.Manage(unit);
        await using var others = lab.Manage(unit);
        Task<UnitJobResult>[] starts =
        [
            units.StartAsync(SlotName.Blue, Cancellation), units.StartAsync(SlotName.Blue, Cancellation), others.StartAsync(SlotName.Blue, Cancellation),
        ];
        await WaitForAsync(units, UnitState.Activating);

        await lab.WriteFileAsync($"/tmp/{Path.GetFileNameWithoutExtension(unit)}", "");

        Assert.All(await Task.WhenAll(starts), result => Assert.Equal(UnitJobResult.Done, result));
    }

    [Fact]
    public async Task Cancelling_ends_the_waiting_and_not_the_job()
    {
        var lab = Lab();
        var unit = await lab.AddServiceAsync(ReadyWhenTold);
        await using var units = lab.Manage(unit);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var start = units.StartAsync(SlotName.Blue, patience.Token);
        await WaitForAsync(units, UnitState.Activating);

        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => start);

        await lab.WriteFileAsync($"/tmp/{Path.GetFileNameWithoutExtension(unit)}", "");
        await WaitForAsync(units, UnitState.Active);
    }

    [Fact]
    public async Task An_unknown_unit_is_a_status_and_starting_it_an_error_that_names_it()
    {
        await using var units = Lab().Manage("unheard-of.service");

        Assert.Equal((UnitState.Inactive, UnitLoadState.NotFound), await StateAsync(units));
        var error = await Assert.ThrowsAsync<UnitNotFoundException>(() => units.StartAsync(SlotName.Blue, Cancellation));
        Assert.Contains("unheard-of.service", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_masked_unit_is_a_status_and_starting_it_an_error_that_says_how_to_unmask_it()
    {
        var lab = Lab();
        _ = (await lab.RunAsync("systemctl", "mask", "masked-by-test.service")).Text;
        await using var units = lab.Manage("masked-by-test.service");

        Assert.Equal((UnitState.Inactive, UnitLoadState.Masked), await StateAsync(units));
        var error = await Assert.ThrowsAsync<UnitNotFoundException>(() => units.StartAsync(SlotName.Blue, Cancellation));
        Assert.Contains("systemctl unmask masked-by-test.service", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_unit_whose_file_is_wrong_is_a_status_and_starting_it_an_error()
    {
        var lab = Lab();
        await using var units = lab.Manage(await lab.AddServiceAsync("Restart=always"));

        Assert.Equal((UnitState.Inactive, UnitLoadState.Error), await StateAsync(units));
        var error = await Assert.ThrowsAsync<UnitException>(() => units.StartAsync(SlotName.Blue, Cancellation));
        Assert.Contains("systemd-analyze verify", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_without_a_suffix_is_refused_with_advice()
    {
        await using var units = Lab().Manage("app-server-blue");

        var error = await Assert.ThrowsAsync<UnitNotFoundException>(() => units.GetStatusAsync(SlotName.Blue, Cancellation));
        Assert.Contains("app-server-blue.service", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_changed_unit_file_is_reported_until_it_is_read_again()
    {
        var lab = Lab();
        var unit = await lab.AddServiceAsync(Sleeper);
        await using var units = lab.Manage(unit);
        await units.StartAsync(SlotName.Blue, Cancellation); // keeps it loaded

        await lab.WriteFileAsync($"/etc/systemd/system/{unit}", $"[Service]\n{Sleeper}\nNice=5\n");
        Assert.True((await units.GetStatusAsync(SlotName.Blue, Cancellation)).NeedsDaemonReload);

        _ = (await lab.RunAsync("systemctl", "daemon-reload")).Text;
        Assert.False((await units.GetStatusAsync(SlotName.Blue, Cancellation)).NeedsDaemonReload);
    }

    /// <summary>dbus-daemon fails the 129th call whose reply is due; nothing of that reaches a caller.</summary>
    [Fact]
    public async Task Hundreds_of_questions_at_once_all_get_a_reply()
    {
        await using var units = Lab().Manage("dbus.service");

        var responses = await Task.WhenAll(Enumerable.Range(0, 300).Select(_ => units.GetStatusAsync(SlotName.Blue, Cancellation)));

        Assert.All(responses, status => Assert.Equal(UnitState.Active, status.State));
    }

    /// <summary>Any local user may send a signal of any name straight to another connection.</summary>
    [Fact]
    public async Task The_end_of_a_job_is_believed_from_systemd_alone()
    {
        var lab = Lab();
        var unit = await lab.AddServiceAsync(ReadyWhenTold);
        await using var units = lab.Manage(unit);
        var start = units.StartAsync(SlotName.Blue, Cancellation);
        await WaitForAsync(units, UnitState.Activating);

        var forged = await lab.RunAsync("runuser", "-u", "nobody", "--", "bash", "-c", $$"""
            job=$(systemctl list-jobs --no-legend {{unit}} | awk '{print $1}')
            [ -n "$job" ] || exit 9
            for name in $(busctl list --unique --no-legend | awk '{print $1}'); do
              busctl emit --destination="$name" /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager JobRemoved uoss "$job" "/org/freedesktop/systemd1/job/$job" {{unit}} done
            done
            """);
        Assert.Equal("", forged.Text);
        await units.GetStatusAsync(SlotName.Blue, Cancellation); // returns after the forged signals have been seen
        await units.StopAsync(SlotName.Blue, Cancellation);

        Assert.Equal(UnitJobResult.Canceled, await start);
    }

    /// <summary>Their JobRemoved is sent right after the reply that names them.</summary>
    [Fact]
    public async Task Jobs_that_end_at_once_are_all_heard_of()
    {
        var lab = Lab();
        await using var units = lab.Manage(await lab.AddServiceAsync(Sleeper));
        for (var i = 0; i < 10; i++)
        {
            var stops = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => units.StopAsync(SlotName.Blue, Cancellation)))
                .Within();
            Assert.All(stops, result => Assert.Equal(UnitJobResult.Done, result));
        }
    }

    /// <summary>The library completes calls on the loop that reads the connection; a caller that blocks there would wait for itself.</summary>
    [Fact]
    public async Task A_caller_that_blocks_in_its_continuation_does_not_stop_the_connection()
    {
        await using var units = Lab().Manage("dbus.service");
        await units.GetStatusAsync(SlotName.Blue, Cancellation);

        // No synchronization context, and no token: waiting with either would move the continuation to another thread. So would a reply
        // that is faster than the caller, hence several times.
        var never = CancellationToken.None;
        for (var i = 0; i < 50; i++)
        {
            Assert.True(await Task.Run(
                () => units.GetStatusAsync(SlotName.Blue, never).ContinueWith(
                    _ => units.GetStatusAsync(SlotName.Blue, never).Wait(Eventually.Patience, Cancellation),
                    Cancellation,
                    TaskContinuationOptions.ExecuteSynchronously,
                    TaskScheduler.Default),
                Cancellation).Within());
        }
    }

    [Fact]
    public async Task Fifty_starts_and_stops_and_reconnections_leave_no_connection_and_no_journal_behind()
    {
        var lab = Lab();
        var unit = await lab.AddServiceAsync("ExecStart=/bin/sh -c 'echo up; exec sleep infinity'");
        var before = await HeldAsync();
        await using (var units = lab.Manage(unit))
        {
            for (var i = 0; i < 50; i++)
            {
                Assert.Equal(UnitJobResult.Done, await units.StartAsync(SlotName.Blue, Cancellation));
                Assert.Equal(UnitJobResult.Done, await units.StopAsync(SlotName.Blue, Cancellation));
            }

            await units.StartAsync(SlotName.Blue, Cancellation); // none of the fifty need have come to say a word
            await Eventually.TrueAsync(async () => (await units.ReadLogAsync(SlotName.Blue, 10, Cancellation)).Contains("up"), "its output is in the journal");
            await units.StopAsync(SlotName.Blue, Cancellation);
            Assert.Equal((before.Connections + 1, 0), await HeldAsync());
        }

        for (var i = 0; i < 20; i++)
        {
            await using var units = lab.Manage(unit);
            await units.GetStatusAsync(SlotName.Blue, Cancellation);
        }

        await Eventually.TrueAsync(async () => await HeldAsync() == before, "the bus has noticed that they are closed");

        // Connections by the bus's own count, as other tests of this process open sockets too; the files of journals are open here.
        async Task<(int Connections, int Journals)> HeldAsync() =>
        (
            (await lab.RunAsync("busctl", "list", "--unique", "--no-legend")).Text.Split('\n').Length,
            Directory.GetFiles("/proc/self/fd").Count(fd => new FileInfo(fd).LinkTarget?.EndsWith(".journal", StringComparison.Ordinal) == true)
        );
    }

    private static Task WaitForAsync(SystemdUnits units, UnitState state) => Eventually.TrueAsync(
        async () => (await units.GetStatusAsync(SlotName.Blue, Cancellation)).State == state, $"the unit is {state}");

    private static async Task<(UnitState State, UnitLoadState LoadState)> StateAsync(SystemdUnits units)
    {
        var status = await units.GetStatusAsync(SlotName.Blue, Cancellation);
        return (status.State, status.LoadState);
    }

    private SystemdLab Lab()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        return machine.Lab;
    }
}
