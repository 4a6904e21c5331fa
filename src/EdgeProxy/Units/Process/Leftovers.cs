using System.Text;
using System.Text.Json;
using EdgeProxy.Json;

namespace EdgeProxy.Units.Process;

/// <summary>The file <c>processes.json</c>: which children run, so that the next proxy recognises those that outlived a killed one.</summary>
internal sealed partial class Leftovers(string stateDirectory, TimeProvider time, ILogger logger)
{
    /// <summary>The variable in a child's environment that holds its <see cref="ProcessRecord.InvocationId"/>.</summary>
    public const string InvocationVariable = "INVOCATION_ID";

    /// <summary>They were asked to end by the death of their proxy already, and nobody waits for their answers.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly string _path = Path.Combine(stateDirectory, "processes.json");
    private readonly Lock _oneWriter = new();

    /// <summary>Writes down what runs. Failure costs only the recognition of leftovers, so it is logged, not thrown.</summary>
    /// <param name="running">Called under the lock of the writer: the last write has the last state.</param>
    public void Save(Func<IEnumerable<Child>> running)
    {
        lock (_oneWriter)
        {
            var records = running().Select(child => new ProcessRecord(child.Group.Pid, child.Group.StartTime, child.InvocationId));
            try
            {
                // Whole or not at all, but not flushed to disk: after a power failure none of these processes is there.
                var temporary = _path + ".tmp";
                File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(new ProcessRecords(BootId(), [.. records]), EdgeProxyJson.Default.ProcessRecords));
                File.Move(temporary, _path, overwrite: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Log.NotSaved(logger, e, _path);
            }
        }
    }

    /// <summary>Ends the children of an earlier proxy.</summary>
    public async Task EndAsync()
    {
        var groups = Read().Where(IsOurs).Select(record => new ProcessGroup(record.Pid, record.StartTime)).ToArray();
        foreach (var group in groups)
        {
            Log.Ending(logger, group.Pid);
        }

        await Task.WhenAll(groups.Select(group => group.EndAsync(Patience, time)));
    }

    private IReadOnlyList<ProcessRecord> Read()
    {
        try
        {
            var saved = JsonSerializer.Deserialize(File.ReadAllBytes(_path), EdgeProxyJson.Default.ProcessRecords);
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

    /// <summary>The leader by its start time; members that it left behind by the variable that they inherited, as their number may have led another group since.</summary>
    private static bool IsOurs(ProcessRecord record)
    {
        var group = new ProcessGroup(record.Pid, record.StartTime);
        return group.LeaderRuns || group.Members().Any(pid => HasVariable(pid, $"{InvocationVariable}={record.InvocationId}"));
    }

    private static bool HasVariable(int pid, string variable)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{pid}/environ")).Split('\0').Contains(variable);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // it has just ended, or is another user's
        }
    }

    private static string BootId() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    private static partial class Log
    {
        [LoggerMessage(510, LogLevel.Warning, "Process {Pid} is left over from a proxy that was killed; it is ended")]
        public static partial void Ending(ILogger logger, int pid);

        [LoggerMessage(511, LogLevel.Warning, "{Path} cannot be written: if this proxy is killed, the next one will not recognise its children")]
        public static partial void NotSaved(ILogger logger, Exception exception, string path);

        [LoggerMessage(512, LogLevel.Warning, "{Path} cannot be read: children of a killed proxy may still run and hold their ports")]
        public static partial void NotRead(ILogger logger, Exception exception, string path);
    }
}

/// <summary>The content of <c>processes.json</c>.</summary>
internal sealed record ProcessRecords(string BootId, IReadOnlyList<ProcessRecord> Processes);

/// <summary>One child.</summary>
internal sealed record ProcessRecord(int Pid, long StartTime, string InvocationId);
