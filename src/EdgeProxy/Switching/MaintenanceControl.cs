using EdgeProxy.Json;
using EdgeProxy.Proxying;
using EdgeProxy.State;

namespace EdgeProxy.Switching;

/// <summary>Turns maintenance on and off.</summary>
internal sealed partial class MaintenanceControl(AppGate gate, StateDirectory directory, TimeProvider time, ILogger<MaintenanceControl> logger)
{
    private readonly Lock _turn = new(); // file and gate change together

    /// <summary>Takes up the maintenance of the former process, before a listener opens. A file that cannot be read turns nobody away: it is logged, and the proxy serves.</summary>
    public void Restore()
    {
        var (record, problem) = directory.ReadVersioned(MaintenanceRecord.FileName, EdgeProxyJson.Default.MaintenanceRecord);
        if (problem is not null)
        {
            Log.NotRestored(logger, problem);
        }
        else if (record is not null)
        {
            gate.Set(new Maintenance(record.Since, record.Message));
            Log.Restored(logger, record.Since);
        }
    }

    /// <summary>Visitors are turned away from now on. Called again it changes the message.</summary>
    /// <returns>Why the next process would not know; null: all is well.</returns>
    public string? TurnOn(string message)
    {
        lock (_turn)
        {
            var maintenance = new Maintenance(gate.Maintenance?.Since ?? time.GetUtcNow(), message);
            gate.Set(maintenance);
            Log.On(logger);
            return Try(() => directory.WriteJson(
                MaintenanceRecord.FileName,
                new MaintenanceRecord { Version = VersionedRecord.CurrentVersion, Since = maintenance.Since, Message = message },
                EdgeProxyJson.Default.MaintenanceRecord));
        }
    }

    /// <summary>Visitors are served again.</summary>
    /// <returns>Why the next process would turn them away; null: all is well.</returns>
    public string? TurnOff()
    {
        lock (_turn)
        {
            gate.Set(null);
            Log.Off(logger);
            return Try(() => directory.Delete(MaintenanceRecord.FileName));
        }
    }

    private string? Try(Action write)
    {
        try
        {
            write();
            return null;
        }
        catch (StateException e)
        {
            Log.NotKept(logger, e.Message);
            return e.Message;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(395, LogLevel.Warning, "Maintenance is on: visitors are turned away")]
        public static partial void On(ILogger logger);

        [LoggerMessage(396, LogLevel.Warning, "Maintenance is off")]
        public static partial void Off(ILogger logger);

        [LoggerMessage(397, LogLevel.Warning, "Maintenance has been on since {Since}, as the former process has left it; `edgeproxy maintenance off` ends that")]
        public static partial void Restored(ILogger logger, DateTimeOffset since);

        [LoggerMessage(398, LogLevel.Error, "Whether maintenance was on is not known, and visitors are served: {Problem}")]
        public static partial void NotRestored(ILogger logger, string problem);

        [LoggerMessage(399, LogLevel.Error, "The next start would not find maintenance as it is now: {Problem}")]
        public static partial void NotKept(ILogger logger, string problem);
    }
}
