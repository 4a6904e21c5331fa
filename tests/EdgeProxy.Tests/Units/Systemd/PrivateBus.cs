using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Units.Systemd;

/// <summary>A dbus-daemon of a test's own, for what no bus with a systemd on it does. Needs neither root nor a lab.</summary>
internal sealed class PrivateBus : IDisposable
{
    private readonly TemporaryDirectory _directory;
    private readonly RunningTool _daemon;

    private PrivateBus(TemporaryDirectory directory, RunningTool daemon) => (_directory, _daemon) = (directory, daemon);

    public string Address => AddressIn(_directory);

    /// <param name="maxConnections">The bus refuses the Hello of a connection beyond them.</param>
    public static async Task<PrivateBus> StartAsync(int maxConnections = 100)
    {
        Tool.Demand("dbus-daemon");
        var directory = new TemporaryDirectory();
        var settings = directory["bus.conf"];
        await File.WriteAllTextAsync(
            settings,
            $"""
            <busconfig>
              <type>session</type>
              <listen>{AddressIn(directory)}</listen>
              <auth>EXTERNAL</auth>
              <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
              <limit name="max_connections_per_user">{maxConnections}</limit>
            </busconfig>
            """,
            TestContext.Current.CancellationToken);
        var daemon = Tool.Start("dbus-daemon", [$"--config-file={settings}", "--nofork", "--nopidfile"]);
        var bus = new PrivateBus(directory, daemon);
        try
        {
            await Eventually.TrueAsync(() => File.Exists(directory["bus"]), "the bus listens");
            return bus;
        }
        catch
        {
            bus.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _daemon.Dispose();
        _directory.Dispose();
    }

    private static string AddressIn(TemporaryDirectory directory) => $"unix:path={directory["bus"]}";
}
