using System.Runtime.CompilerServices;
using EdgeProxy.Slots;
using EdgeProxy.Units;
using EdgeProxy.Units.Systemd;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EdgeProxy.Tests.Lab;

/// <summary>One lab for the tests of a collection, which then run one after the other. Not booted where it cannot be: each test skips itself.</summary>
public sealed class SystemdMachine : IAsyncLifetime
{
    private SystemdLab? _lab;

    public SystemdLab Lab => _lab ?? throw new InvalidOperationException("call Assert.SkipWhen(SystemdLab.SkipReason ...) first");

    public async ValueTask InitializeAsync()
    {
        if (SystemdLab.SkipReason is null)
        {
            _lab = await SystemdLab.BootAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_lab is not null)
        {
            await _lab.DisposeAsync();
        }
    }
}

/// <summary>The tests that share one <see cref="SystemdMachine"/>.</summary>
[CollectionDefinition(Name)]
public sealed class SystemdCollection : ICollectionFixture<SystemdMachine>
{
    public const string Name = "systemd";
}

internal static class SystemdLabExtensions
{
    /// <summary>The product's unit manager for units of the lab, from outside. Blue is the unit; green, where a test needs no second one, does not
    /// exist.</summary>
    public static SystemdUnits Manage(
        this SystemdLab lab,
        string blue,
        string green = "no-such.service",
        string? blueLog = null,
        TimeProvider? time = null,
        ILogger<SystemdUnits>? logger = null) =>
        new(
            new SlotsOptions { Blue = new SlotOptions { Unit = blue, Log = blueLog }, Green = new SlotOptions { Unit = green } },
            new UnitsOptions { Bus = lab.BusAddress },
            time ?? TimeProvider.System,
            logger ?? NullLogger<SystemdUnits>.Instance)
        {
            JournalRoot = lab.Root,
        };

    /// <summary>Writes a service named after the test and returns its name, so that tests in one lab do not meet.</summary>
    public static async Task<string> AddServiceAsync(this SystemdLab lab, string service, [CallerMemberName] string test = "")
    {
        var unit = $"{test}.service";
        await lab.WriteUnitAsync(unit, $"[Unit]\nStartLimitIntervalSec=0\n[Service]\n{service}\n");
        return unit;
    }
}
