using EdgeProxy.Slots;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;

namespace EdgeProxy.Tests.Units.Systemd;

[Collection(SystemdCollection.Name)]
public sealed class JournaldReaderTests(SystemdMachine machine)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_log_is_that_of_the_current_run_oldest_line_first_with_what_systemd_says_about_it()
    {
        var lab = Lab();
        var unit = await lab.AddServiceAsync("Type=notify\nExecStart=/bin/sh -c 'echo one in run $$$$; echo two >&2; exit 3'");
        await using var units = lab.Manage(unit);
        await units.StartAsync(SlotName.Blue, Cancellation);
        var first = await units.ReadLogAsync(SlotName.Blue, 20, Cancellation);

        await units.StartAsync(SlotName.Blue, Cancellation);
        var second = await units.ReadLogAsync(SlotName.Blue, 20, Cancellation);

        Assert.Single(first, line => line.StartsWith("one in run ", StringComparison.Ordinal));
        var one = Assert.Single(second, line => line.StartsWith("one in run ", StringComparison.Ordinal));
        Assert.DoesNotContain(one, first);
        Assert.True(second.ToList().IndexOf(one) < second.ToList().IndexOf("two"));
        Assert.Contains($"{unit}: Main process exited, code=exited, status=3/NOTIMPLEMENTED", second);
    }

    /// <summary>A unit that flaps has begun its next run by the time somebody asks, and that one has not failed yet.</summary>
    [Fact]
    public async Task The_runs_that_systemd_has_restarted_by_itself_are_quoted_too()
    {
        var lab = Lab();
        var unit = await lab.AddServiceAsync(
            "Restart=on-failure\nRestartSec=10ms\nExecStart=/bin/sh -c '[ -e /run/once ] && exec sleep infinity; touch /run/once; echo why it failed; exit 3'");
        await using var units = lab.Manage(unit);
        await units.StartAsync(SlotName.Blue, Cancellation);
        await Eventually.TrueAsync(
            async () => await units.GetStatusAsync(SlotName.Blue, Cancellation) is { State: UnitState.Active, Restarts: 1 }, "systemd has restarted it");

        Assert.Contains("why it failed", await units.ReadLogAsync(SlotName.Blue, 20, Cancellation));
    }

    [Fact]
    public async Task The_last_run_of_a_unit_that_systemd_has_forgotten_is_still_quoted()
    {
        var lab = Lab();
        var unit = await lab.AddServiceAsync("ExecStart=/bin/sh -c 'echo served; exec sleep infinity'");
        await using var units = lab.Manage(unit);
        await units.StartAsync(SlotName.Blue, Cancellation);
        // A start is done once the process exists, which may be before it has printed anything.
        await Eventually.TrueAsync(async () => (await units.ReadLogAsync(SlotName.Blue, 5, Cancellation)).Contains("served"), "the line is there");
        await units.StopAsync(SlotName.Blue, Cancellation);
        await Eventually.TrueAsync(async () => (await units.GetStatusAsync(SlotName.Blue, Cancellation)).InvocationId is null, "the unit is unloaded");

        Assert.Contains("served", await units.ReadLogAsync(SlotName.Blue, 5, Cancellation));
    }

    [Fact]
    public async Task Of_many_lines_the_last_are_quoted()
    {
        var lab = Lab();
        await using var units = lab.Manage(await lab.AddServiceAsync("Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'seq 1 300'"));
        await units.StartAsync(SlotName.Blue, Cancellation);

        var lines = await units.ReadLogAsync(SlotName.Blue, 10, Cancellation);

        Assert.Equal(10, lines.Count);
        Assert.Contains("300", lines);
        Assert.DoesNotContain("250", lines);
    }

    [Fact]
    public async Task A_unit_that_never_ran_has_one_line_that_says_so()
    {
        var lab = Lab();
        await using var units = lab.Manage(await lab.AddServiceAsync("ExecStart=/bin/true"));

        Assert.Equal([$"(the journal has no line of {units.UnitOf(SlotName.Blue)})"], await units.ReadLogAsync(SlotName.Blue, 5, Cancellation));
    }

    [Fact]
    public async Task A_log_file_of_the_app_is_quoted_after_the_journal()
    {
        var lab = Lab();
        var log = $"{lab.Root}/tmp/app.log";
        await lab.WriteFileAsync("/tmp/app.log", string.Concat(Enumerable.Range(1, 20_000).Select(i => $"line {i}\n")));
        await using var units = lab.Manage(await lab.AddServiceAsync("ExecStart=/bin/true"), blueLog: log);

        var lines = await units.ReadLogAsync(SlotName.Blue, 2, Cancellation);

        Assert.Equal([$"(the journal has no line of {units.UnitOf(SlotName.Blue)})", $"{log}:", "line 19999", "line 20000"], lines);
    }

    private SystemdLab Lab()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        return machine.Lab;
    }
}
