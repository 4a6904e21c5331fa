using System.Text.Json;
using EdgeProxy.Processes;
using EdgeProxy.State;

namespace EdgeProxy.Units.Process;

/// <summary>The file <c>processes.json</c>: which children run, so that the next proxy finds those that a killed one has orphaned.</summary>
/// <param name="state">Where that directory is handed from process to process; null: it is not.</param>
internal sealed partial class OrphanedProcesses(string stateDirectory, StateDirectory? state, TimeProvider time, ILogger logger)
{
    /// <summary>The death of their proxy has sent them SIGTERM already, and no client waits for their responses.</summary>
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5);

    private readonly string _path = Path.Combine(stateDirectory, "processes.json");
    private readonly Lock _oneWriter = new();

    /// <summary>Writes down what runs. A failure is logged, not thrown: it only keeps the next proxy from finding orphaned processes.</summary>
    /// <param name="running">Called under the lock of the writer: the last write has the last state.</param>
    /// <returns>False: the file is another process's, which does not learn of this.</returns>
    public bool Save(Func<IEnumerable<(string Unit, Child Child)>> running)
    {
        lock (_oneWriter)
        {
            if (state is not null)
            {
                return state.TryWhileOurs(() => Write(running()));
            }

            Write(running());
            return true;
        }
    }

    /// <summary>The children of the process that hands over to this one, by the unit.</summary>
    public IReadOnlyDictionary<string, Child> Adopt() => Read()
        .Where(record => record.Unit is not null && new ProcessGroup(record.Pid, record.StartTime).LeaderRuns)
        .ToDictionary(record => record.Unit!, record => Child.Adopt(new(record.Pid, record.StartTime), record.InvocationId, time));

    /// <summary>Stops the children of an earlier proxy.</summary>
    public async Task EndAsync()
    {
        var groups = Read().Where(IsOurs).Select(record => new ProcessGroup(record.Pid, record.StartTime)).ToArray();
        foreach (var group in groups)
        {
            Log.Ending(logger, group.Pid);
        }

        await Task.WhenAll(groups.Select(group => group.EndAsync(StopTimeout, time)));
    }

    private void Write(IEnumerable<(string Unit, Child Child)> running)
    {
        var records = running.Select(of => new ProcessRecord(of.Child.Group.Pid, of.Child.Group.StartTime, of.Child.InvocationId) { Unit = of.Unit });
        try
        {
            // Whole or not at all, but not flushed to disk: after a power failure none of these processes is there.
            var temporary = _path + ".tmp";
            var content = new ProcessRecords(BootId(), [.. records]);
            File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(content, ProcessJson.Default.ProcessRecords));
            File.Move(temporary, _path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException) // the last: FileSizeLimit
        {
            Log.NotSaved(logger, e, _path);
        }
    }

    private IReadOnlyList<ProcessRecord> Read()
    {
        try
        {
            var saved = JsonSerializer.Deserialize(File.ReadAllBytes(_path), ProcessJson.Default.ProcessRecords);
            // Pids and start times begin anew with each boot.
            return saved?.BootId == BootId() ? saved.Processes : [];
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            Log.NotRead(logger, e, _path);
            return [];
        }
    }

    /// <summary>
    /// The leader by its start time; members that it left behind by the variable that they inherited, as their number may have led another
    /// group since.
    /// </summary>
    private static bool IsOurs(ProcessRecord record)
    {
        var group = new ProcessGroup(record.Pid, record.StartTime);
        return group.LeaderRuns || group.Members().Any(pid => Invocation.Has(pid, record.InvocationId));
    }

    private static string BootId() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    private static partial class Log
    {
        [LoggerMessage(510, LogLevel.Warning, "Process {Pid} is orphaned: the proxy that started it was killed. It is stopped")]
        public static partial void Ending(ILogger logger, int pid);

        [LoggerMessage(511, LogLevel.Warning, "{Path} cannot be written: if this proxy is killed, the next one cannot find the orphaned processes")]
        public static partial void NotSaved(ILogger logger, Exception exception, string path);

        [LoggerMessage(512, LogLevel.Warning, "{Path} cannot be read: orphaned processes of a killed proxy may still run, and their ports be in use")]
        public static partial void NotRead(ILogger logger, Exception exception, string path);
    }
}

/// <summary>The content of <c>processes.json</c>.</summary>
internal sealed record ProcessRecords(string BootId, IReadOnlyList<ProcessRecord> Processes);

/// <summary>One child.</summary>
internal sealed record ProcessRecord(int Pid, long StartTime, string InvocationId)
{
    /// <summary>The unit of the process; null: an earlier version has written the record.</summary>
    public string? Unit { get; init; }
}
