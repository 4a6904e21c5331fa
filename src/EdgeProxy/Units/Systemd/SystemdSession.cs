using System.Collections.Concurrent;
using Tmds.DBus.Protocol;

namespace EdgeProxy.Units.Systemd;

/// <summary>A job that systemd runs, e.g. the start of a unit.</summary>
/// <param name="Path">The job's D-Bus path; it is not used again while systemd runs.</param>
/// <param name="Removed">The result of JobRemoved. Awaited by <see cref="SystemdSession.WaitAsync"/>: it never comes once the session has ended.</param>
internal sealed record SystemdJob(string Path, Task<string> Removed);

/// <summary>systemd's manager over one connection: unit properties, and jobs that are waited for (org.freedesktop.systemd1(5)).</summary>
/// <remarks>Ends with its connection; then another session is opened, which asks for the jobs that still run.</remarks>
internal sealed class SystemdSession : IDisposable
{
    private const string ManagerPath = "/org/freedesktop/systemd1";
    private const string ManagerInterface = "org.freedesktop.systemd1.Manager";
    private const string JobInterface = "org.freedesktop.systemd1.Job";
    private const string PropertiesInterface = "org.freedesktop.DBus.Properties";

    private readonly SystemdConnection _connection;

    /// <summary>The jobs that are waited for, by path. A job leaves it with its JobRemoved.</summary>
    private readonly ConcurrentDictionary<string, TaskCompletionSource<string>> _jobs = new();

    private SystemdSession(SystemdConnection connection) => _connection = connection;

    public bool IsClosed => _connection.Closed.IsCompleted;

    /// <summary>Connects and subscribes, so that no job's end is missed later.</summary>
    /// <param name="address">A D-Bus address; null: the system bus.</param>
    /// <param name="time">The clock of the timeouts.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="SystemdUnavailableException">No bus, or no systemd on it.</exception>
    public static async Task<SystemdSession> OpenAsync(string? address, TimeProvider time, CancellationToken cancellationToken)
    {
        var session = new SystemdSession(await SystemdConnection.OpenAsync(address, time, cancellationToken));
        try
        {
            await session._connection.WatchAsync(ManagerPath, ManagerInterface, "JobRemoved", "uoss", ReadJobRemoved, session.OnJobRemoved);
            await session.CallManagerAsync("Subscribe", "", static (_, _) => true, cancellationToken); // else systemd sends no signals
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Loads the unit if need be and reads its properties, all at one instant.</summary>
    public async Task<Dictionary<string, VariantValue>> GetUnitAsync(string unit, IReadOnlySet<string> properties, CancellationToken cancellationToken)
    {
        // LoadUnit, not GetUnit: that one knows no unit that has not been used yet.
        var path = await CallManagerAsync("LoadUnit", "o", ReadPath, cancellationToken, unit);
        // The empty interface means all of them: state (Unit) and process (Service) then cannot contradict each other.
        return await _connection.CallAsync(
            path, PropertiesInterface, "GetAll", "a{sv}", (reply, _) => ReadProperties(reply, properties), cancellationToken, "");
    }

    /// <summary>Queues a job; where the same one is queued already, that one.</summary>
    /// <param name="method"><c>StartUnit</c>, <c>StopUnit</c> or <c>RestartUnit</c>.</param>
    /// <param name="unit">The unit.</param>
    /// <param name="cancellationToken">Ends the waiting for the reply.</param>
    public Task<SystemdJob> QueueAsync(string method, string unit, CancellationToken cancellationToken) =>
        CallManagerAsync(method, "o", (reply, _) => Follow(ReadPath(reply)), cancellationToken, unit, "replace");

    /// <summary>Takes up the waiting for a job that an earlier session has queued.</summary>
    /// <returns>Null: it has ended meanwhile.</returns>
    public async Task<SystemdJob?> FindAsync(string jobPath, CancellationToken cancellationToken)
    {
        try
        {
            return await _connection.CallAsync(jobPath, PropertiesInterface, "Get", "v", (_, _) => Follow(jobPath), cancellationToken, JobInterface, "State");
        }
        catch (DBusErrorReplyException e) when (e.ErrorName is "org.freedesktop.DBus.Error.UnknownObject" or "org.freedesktop.systemd1.NoSuchJob")
        {
            return null;
        }
    }

    /// <returns>The word of JobRemoved.</returns>
    /// <exception cref="SystemdUnavailableException">The session has ended before the job.</exception>
    public async Task<string> WaitAsync(SystemdJob job, CancellationToken cancellationToken)
    {
        await Task.WhenAny(job.Removed, _connection.Closed).WaitAsync(cancellationToken);
        return job.Removed.IsCompleted ? await job.Removed : throw await _connection.Closed;
    }

    public void Dispose() => _connection.Dispose();

    private Task<T> CallManagerAsync<T>(
        string method, string signature, MessageValueReader<T> read, CancellationToken cancellationToken, params string[] arguments) =>
        _connection.CallAsync(ManagerPath, ManagerInterface, method, signature, read, cancellationToken, arguments);

    /// <summary>Notes that somebody waits for the job. Called while the reply that names it is read: its JobRemoved comes after.</summary>
    private SystemdJob Follow(string path) =>
        new(path, _jobs.GetOrAdd(path, static _ => new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously)).Task);

    private void OnJobRemoved((string Job, string Result) removed)
    {
        if (_jobs.TryRemove(removed.Job, out var end))
        {
            end.TrySetResult(removed.Result);
        }
    }

    private static (string Job, string Result) ReadJobRemoved(Message signal, object? state)
    {
        var body = signal.GetBodyReader();
        body.ReadUInt32(); // its number
        var job = body.ReadObjectPathAsString();
        body.ReadString(); // the unit
        return (job, body.ReadString());
    }

    private static string ReadPath(Message reply, object? state = null) => reply.GetBodyReader().ReadObjectPathAsString();

    /// <summary>Keeps a few of some 400 properties.</summary>
    private static Dictionary<string, VariantValue> ReadProperties(Message reply, IReadOnlySet<string> wanted)
    {
        var properties = new Dictionary<string, VariantValue>(wanted.Count);
        var body = reply.GetBodyReader();
        var end = body.ReadDictionaryStart();
        while (body.HasNext(end))
        {
            var (name, value) = (body.ReadString(), body.ReadVariantValue());
            if (wanted.Contains(name))
            {
                properties.Add(name, value);
            }
        }

        return properties;
    }
}
