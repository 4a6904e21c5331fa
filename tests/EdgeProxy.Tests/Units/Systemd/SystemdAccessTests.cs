using EdgeProxy.Tests.Lab;

namespace EdgeProxy.Tests.Units.Systemd;

/// <summary>The product's unit manager as the proxy's own user, inside the lab: what the polkit rule and the journal group give it, and what it says without
/// them.</summary>
[Collection(SystemdCollection.Name)]
public sealed class SystemdAccessTests : IAsyncLifetime
{
    private const string User = "edgeproxy";
    private const string Blue = "app-server-blue.service";
    private const string Stranger = "stranger.service";
    private const string Service = "[Service]\nExecStart=/bin/sh -c 'echo hello from %n; exec sleep infinity'\n";

    private SystemdLab? _lab;

    private SystemdLab Lab => _lab ?? throw new InvalidOperationException("skipped tests have no lab");

    public async ValueTask InitializeAsync()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        _lab = await SystemdLab.BootAsync();
        _ = (await Lab.RunAsync("useradd", "--system", "--no-create-home", User)).Text;
        await Lab.WriteUnitAsync(Blue, Service);
        await Lab.WriteUnitAsync(Stranger, Service);
    }

    public async ValueTask DisposeAsync()
    {
        if (_lab is not null)
        {
            await _lab.DisposeAsync();
        }
    }

    [Fact]
    public async Task The_rule_lets_the_proxys_user_run_the_slots_units_and_no_other()
    {
        await InstallRuleAsync();

        Assert.Equal("Done", (await ProbeAsync("start", Blue)).Text);
        Assert.Equal("Done", (await ProbeAsync("restart", Blue)).Text);
        Assert.Equal("Active", (await ProbeAsync("status", Blue)).Text);
        Assert.Equal("Done", (await ProbeAsync("stop", Blue)).Text);

        var denied = await ProbeAsync("start", Stranger);
        Assert.Equal(1, denied.ExitCode);
        Assert.StartsWith("UnitAccessDeniedException: The user edgeproxy may not start or stop stranger.service", denied.Output, StringComparison.Ordinal);
        Assert.Contains("/etc/polkit-1/rules.d/49-edgeproxy.rules", denied.Output, StringComparison.Ordinal);
        Assert.Equal("Inactive", (await ProbeAsync("status", Stranger)).Text);
    }

    [Fact]
    public async Task Nothing_but_the_three_verbs_is_allowed_and_nobody_else_gets_them()
    {
        await InstallRuleAsync();
        _ = (await ProbeAsync("start", Blue)).Text;

        foreach (var verb in new[] { "kill", "reload-or-restart", "disable", "mask" })
        {
            Assert.NotEqual(0, (await Lab.RunAsync("runuser", "-u", User, "--", "systemctl", "--no-ask-password", verb, Blue)).ExitCode);
        }

        Assert.NotEqual(0, (await Lab.RunAsync("runuser", "-u", "nobody", "--", "systemctl", "--no-ask-password", "stop", Blue)).ExitCode);
        Assert.Equal("active", (await Lab.RunAsync("systemctl", "is-active", Blue)).Text);
    }

    /// <summary>The other error name: systemd responses so where no polkit can be asked.</summary>
    [Fact]
    public async Task Without_polkit_the_error_is_the_same_to_a_person()
    {
        _ = (await Lab.RunAsync("rm", "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service")).Text;
        _ = (await Lab.RunAsync("systemctl", "reload", "dbus.service")).Text;

        var denied = await ProbeAsync("start", Blue);

        Assert.Equal(1, denied.ExitCode);
        Assert.StartsWith(
            "UnitAccessDeniedException: The user edgeproxy may not start or stop app-server-blue.service", denied.Output, StringComparison.Ordinal);
    }

    /// <summary>As on a machine that was made from an image: the library's own connection reads the file and fails.</summary>
    [Fact]
    public async Task An_empty_machine_id_keeps_nobody_from_the_bus()
    {
        _ = (await Lab.RunAsync("sh", "-c", "rm -f /var/lib/dbus/machine-id; : > /var/lib/dbus/machine-id")).Text;

        Assert.Equal("Inactive", (await ProbeAsync("status", Blue)).Text);
    }

    [Fact]
    public async Task A_masked_polkit_is_not_taken_for_a_masked_slot()
    {
        _ = (await Lab.RunAsync("systemctl", "mask", "polkit.service")).Text;

        var refused = await ProbeAsync("start", Blue);

        Assert.Equal(1, refused.ExitCode);
        Assert.StartsWith("UnitException: ", refused.Output, StringComparison.Ordinal);
        Assert.Contains("Unit polkit.service is masked", refused.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_journal_is_read_by_its_group_and_a_user_outside_of_it_learns_that()
    {
        _ = (await Lab.RunAsync("systemctl", "start", Blue)).Text;

        Assert.Contains("add it to the group systemd-journal", (await ProbeAsync("log", Blue)).Text, StringComparison.Ordinal);

        _ = (await Lab.RunAsync("usermod", "--append", "--groups", "systemd-journal", User)).Text;
        Assert.Contains("hello from app-server-blue.service", (await ProbeAsync("log", Blue)).Text, StringComparison.Ordinal);
    }

    private async Task InstallRuleAsync() => await Lab.WriteFileAsync(
        "/etc/polkit-1/rules.d/49-edgeproxy.rules",
        await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "49-edgeproxy.rules"), TestContext.Current.CancellationToken));

    private Task<CommandResult> ProbeAsync(string verb, string unit) => Lab.RunDotnetAsync(User, "UnitsProbe", verb, unit);
}
