using EdgeProxy.Units;
using EdgeProxy.Units.Systemd;
using Tmds.DBus.Protocol;

namespace EdgeProxy.Tests.Units.Systemd;

/// <summary>What is decided without systemd: which method a job needs, and how one has ended that nobody saw end.</summary>
public sealed class UnitJobTests
{
    [Theory]
    [InlineData("Start", UnitState.Active, UnitJobResult.Done)]
    [InlineData("Start", UnitState.Failed, UnitJobResult.Failed)]
    [InlineData("Start", UnitState.AutoRestart, UnitJobResult.Failed)]
    [InlineData("Start", UnitState.Inactive, null)] // stopped by somebody, or ended well by itself
    [InlineData("Start", UnitState.Activating, null)]
    [InlineData("Stop", UnitState.Inactive, UnitJobResult.Done)]
    [InlineData("Stop", UnitState.Failed, UnitJobResult.Done)]
    [InlineData("Stop", UnitState.Active, null)]
    [InlineData("Stop", UnitState.AutoRestart, null)]
    [InlineData("Restart", UnitState.Active, UnitJobResult.Done)]
    [InlineData("Restart", UnitState.Failed, UnitJobResult.Failed)]
    [InlineData("Restart", UnitState.Deactivating, null)]
    public void An_unheard_end_is_judged_by_the_state_or_not_at_all(string job, UnitState now, UnitJobResult? expected) =>
        Assert.Equal(expected, UnitJobs.Settle(Enum.Parse<UnitJob>(job), Status(UnitState.Active, "one"), Status(now, "two")));

    [Fact]
    public void A_restart_is_not_believed_while_the_old_run_goes_on() =>
        Assert.Null(UnitJobs.Settle(UnitJob.Restart, Status(UnitState.Active, "one"), Status(UnitState.Active, "one")));

    [Theory]
    [InlineData("Start", UnitState.Inactive, "StartUnit")]
    [InlineData("Start", UnitState.Active, "StartUnit")]
    [InlineData("Start", UnitState.AutoRestart, "RestartUnit")]
    [InlineData("Stop", UnitState.AutoRestart, "StopUnit")]
    [InlineData("Restart", UnitState.Active, "RestartUnit")]
    public void A_start_out_of_auto_restart_is_a_restart(string job, UnitState state, string method) =>
        Assert.Equal(method, UnitJobs.MethodFor(Enum.Parse<UnitJob>(job), state));

    [Theory]
    [InlineData("activating", "auto-restart", UnitState.AutoRestart)]
    [InlineData("activating", "auto-restart-queued", UnitState.AutoRestart)]
    [InlineData("activating", "start", UnitState.Activating)]
    [InlineData("refreshing", "refresh", UnitState.Reloading)]
    [InlineData("maintenance", "cleaning", UnitState.Inactive)]
    public void The_words_of_newer_versions_are_understood(string active, string sub, UnitState expected) =>
        Assert.Equal(
            expected, UnitProperties.ToStatus("x.service", new Dictionary<string, VariantValue> { ["ActiveState"] = active, ["SubState"] = sub }).State);

    [Fact]
    public void Memory_is_what_systemd_knows_or_nothing()
    {
        Assert.Equal(4096, Memory(4096UL));
        Assert.Null(Memory(ulong.MaxValue));

        static long? Memory(ulong current) => UnitProperties.ToStatus("x.service", new Dictionary<string, VariantValue> { ["MemoryCurrent"] = current }).Memory;
    }

    private static UnitStatus Status(UnitState state, string run) => new() { Unit = "x.service", State = state, InvocationId = run };
}
