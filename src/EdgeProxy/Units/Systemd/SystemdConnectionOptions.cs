using Tmds.DBus.Protocol;

namespace EdgeProxy.Units.Systemd;

/// <summary>How to connect to the bus: without what the library would do in addition.</summary>
internal sealed class SystemdConnectionOptions(string address) : DBusConnectionOptions(address)
{
    private readonly string _address = address;

    /// <remarks>
    /// No file descriptors are accepted, which any local user could send. No machine id is read: nobody asks for ours, and the library
    /// fails where <c>/var/lib/dbus/machine-id</c> exists and is empty, as in images of machines that were made to be copied.
    /// </remarks>
    protected override ValueTask<SetupResult> SetupAsync(CancellationToken cancellationToken) =>
        new(new SetupResult(_address) { UserId = EffectiveUserId(), MachineId = "" });

    /// <summary>The second number of <c>Uid:</c> in proc_pid_status(5): the bus compares it with what the kernel says.</summary>
    private static string EffectiveUserId() =>
        File.ReadLines("/proc/self/status").First(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t')[2];
}
