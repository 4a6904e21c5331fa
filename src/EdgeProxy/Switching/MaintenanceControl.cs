using EdgeProxy.Proxying;
using EdgeProxy.State;
using EdgeProxy.Switching.Records;

namespace EdgeProxy.Switching;

/// <summary>Turns maintenance on and off.</summary>
internal sealed partial class MaintenanceControl(MaintenanceGate gate, StateDirectory directory, TimeProvider time, ILogger<MaintenanceControl> logger)
{
    private readonly Lock _turn = new(); // file and gate change together
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with the next change.</summary>
    public Task Changed => Volatile.Read(ref _changed).Task;

    /// <summary>Takes up the maintenance of the former process, before a listener opens. A file that cannot be read turns nobody away: it is logged, and the
    /// proxy serves.</summary>
    public void Restore()
    {
        var (record, problem) = directory.ReadVersioned(MaintenanceRecord.FileName, SwitchingJson.Default.MaintenanceRecord);
        if (problem is not null)
        {
            Log.NotRestored(logger, problem);
        }
        else if (record?.Until <= time.GetUtcNow())
        {
            Log.Over(logger, record!.Until!.Value);
            Try(() => directory.Delete(MaintenanceRecord.FileName));
        }
        else if (record is not null)
        {
            gate.Set(new Maintenance(record.Since, record.Message, record.Until));
            Log.Restored(logger, record.Since);
        }
    }

    /// <summary>Clients are turned away from now on. Called again it changes the message and the end.</summary>
    /// <param name="message">For them.</param>
    /// <param name="length">After that time it ends by itself; null: somebody ends it.</param>
    /// <returns>Why the next process would not know; null: all is well.</returns>
    public string? TurnOn(string message, TimeSpan? length = null)
    {
        lock (_turn)
        {
            var now = time.GetUtcNow();
            var maintenance = new Maintenance(gate.Maintenance?.Since ?? now, message, now + length);
            gate.Set(maintenance);
            Log.On(logger);
            Interlocked.Exchange(ref _changed, NewChange()).SetResult();
            return Try(() => directory.WriteJson(
                MaintenanceRecord.FileName,
                new MaintenanceRecord { Version = VersionedRecord.CurrentVersion, Since = maintenance.Since, Message = message, Until = maintenance.Until },
                SwitchingJson.Default.MaintenanceRecord));
        }
    }

    /// <summary>Clients are served again.</summary>
    /// <returns>Why the next process would turn them away; null: all is well.</returns>
    public string? TurnOff()
    {
        lock (_turn)
        {
            gate.Set(null);
            Log.Off(logger);
            Interlocked.Exchange(ref _changed, NewChange()).SetResult();
            return Try(() => directory.Delete(MaintenanceRecord.FileName));
        }
    }

    /// <summary>Ends it where its time is over.</summary>
    /// <returns>How long that is off; null: there is no such time (any more).</returns>
    public TimeSpan? EndIfOver()
    {
        lock (_turn)
        {
            if (gate.Maintenance?.Until is not { } until)
            {
                return null;
            }

            var left = until - time.GetUtcNow();
            if (left > TimeSpan.Zero)
            {
                return left;
            }

            Log.Over(logger, until);
            TurnOff();
            return null;
        }
    }

    private static TaskCompletionSource NewChange() => new(TaskCreationOptions.RunContinuationsAsynchronously);

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
        [LoggerMessage(395, LogLevel.Warning, "Maintenance is on: clients get 503")]
        public static partial void On(ILogger logger);

        [LoggerMessage(314, LogLevel.Warning, "Maintenance is over, as it was to end at {Until}")]
        public static partial void Over(ILogger logger, DateTimeOffset until);

        [LoggerMessage(396, LogLevel.Warning, "Maintenance is off")]
        public static partial void Off(ILogger logger);

        [LoggerMessage(
            397, LogLevel.Warning, "Maintenance has been on since {Since}, as the former process has left it; `edgeproxy maintenance off` ends that")]
        public static partial void Restored(ILogger logger, DateTimeOffset since);

        [LoggerMessage(398, LogLevel.Error, "Whether maintenance was on is not known, and clients are served: {Problem}")]
        public static partial void NotRestored(ILogger logger, string problem);

        [LoggerMessage(399, LogLevel.Error, "The next start would not find maintenance as it is now: {Problem}")]
        public static partial void NotKept(ILogger logger, string problem);
    }
}
