namespace EdgeProxy.Units.Systemd;

/// <summary>A job that systemd runs, e.g. the start of a unit.</summary>
/// <param name="Path">The job's D-Bus path; it is not used again while systemd runs.</param>
/// <param name="End">The result word of JobRemoved; fails with <see cref="SdBusUnavailableException"/> when the session ends first.</param>
internal sealed record SystemdJob(string Path, Task<string> End);

/// <summary>systemd's manager over one connection: unit properties, and jobs that are waited for (org.freedesktop.systemd1(5)).</summary>
/// <remarks>
/// Ends for good when the bus goes away or the manager leaves it (a restart of the bus, <c>daemon-reexec</c>); then another session is
/// opened, which asks for the jobs that still run.
/// </remarks>
internal sealed class SystemdSession : IAsyncDisposable
{
    private const string Bus = "org.freedesktop.DBus";
    private const string BusPath = "/org/freedesktop/DBus";
    private const string Manager = "org.freedesktop.systemd1";
    private const string ManagerPath = "/org/freedesktop/systemd1";
    private const string ManagerInterface = "org.freedesktop.systemd1.Manager";
    private const string JobInterface = "org.freedesktop.systemd1.Job";
    private const string PropertiesInterface = "org.freedesktop.DBus.Properties";

    private readonly SdBusConnection _bus;

    /// <remarks>Used on the connection's thread only.</remarks>
    private readonly Dictionary<string, TaskCompletionSource<string>> _jobs = [];

    /// <summary>The unique name of the manager. Signals of the same name from others are lies: any local user can send us one.</summary>
    /// <remarks>Used on the connection's thread only.</remarks>
    private string _manager = "";

    private SystemdSession(string? address, TimeProvider time) => _bus = SdBusConnection.Open(address, time, OnSignal, OnClosed);

    public bool IsClosed => _bus.IsClosed;

    /// <summary>Connects and subscribes, so that no job's end is missed later.</summary>
    /// <param name="address">A D-Bus address; null: the system bus.</param>
    /// <param name="time">The clock of the call timeout.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="SdBusUnavailableException">No bus, or no systemd on it.</exception>
    public static async Task<SystemdSession> OpenAsync(string? address, TimeProvider time, CancellationToken cancellationToken)
    {
        var session = new SystemdSession(address, time);
        try
        {
            await session.SubscribeAsync(cancellationToken);
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Loads the unit if need be and reads its properties, all at one instant.</summary>
    public async Task<Dictionary<string, object>> GetUnitAsync(string unit, IReadOnlySet<string> properties, CancellationToken cancellationToken)
    {
        // LoadUnit, not GetUnit: that one knows no unit that has not been used yet.
        var path = await CallManagerAsync("LoadUnit", static reply => reply.ReadObjectPath(), cancellationToken, unit);
        // The empty interface means all of them: state (Unit) and process (Service) then cannot contradict each other.
        return await CallAsync(
            new SdBusCall(Manager, path, PropertiesInterface, "GetAll", ""), reply => reply.ReadProperties(properties), cancellationToken);
    }

    /// <summary>Queues a job; where the same one is queued already, that one.</summary>
    /// <param name="method"><c>StartUnit</c>, <c>StopUnit</c> or <c>RestartUnit</c>.</param>
    /// <param name="unit">The unit.</param>
    /// <param name="cancellationToken">Ends the waiting for the answer.</param>
    public Task<SystemdJob> QueueAsync(string method, string unit, CancellationToken cancellationToken) =>
        CallManagerAsync(method, reply => Follow(reply.ReadObjectPath()), cancellationToken, unit, "replace");

    /// <summary>Takes up the waiting for a job that an earlier session has queued.</summary>
    /// <returns>Null: it has ended meanwhile.</returns>
    public async Task<SystemdJob?> FindAsync(string jobPath, CancellationToken cancellationToken)
    {
        try
        {
            var call = new SdBusCall(Manager, jobPath, PropertiesInterface, "Get", JobInterface, "State");
            return await CallAsync(call, _ => Follow(jobPath), cancellationToken);
        }
        catch (SdBusErrorException e) when (e.Name is "org.freedesktop.DBus.Error.UnknownObject" or "org.freedesktop.systemd1.NoSuchJob")
        {
            return null;
        }
    }

    public ValueTask DisposeAsync() => _bus.DisposeAsync();

    private async Task SubscribeAsync(CancellationToken cancellationToken)
    {
        // First the matches, then the question: a change in between is seen.
        await MatchAsync($"type='signal',sender='{Bus}',path='{BusPath}',interface='{Bus}',member='NameOwnerChanged',arg0='{Manager}'");
        await MatchAsync($"type='signal',sender='{Manager}',path='{ManagerPath}',interface='{ManagerInterface}',member='JobRemoved'");
        await CallAsync(new SdBusCall(Bus, BusPath, Bus, "GetNameOwner", Manager), reply => _manager = reply.ReadString(), cancellationToken);
        await CallManagerAsync("Subscribe", static _ => true, cancellationToken);

        Task MatchAsync(string rule) => CallAsync(new SdBusCall(Bus, BusPath, Bus, "AddMatch", rule), static _ => true, cancellationToken);
    }

    private Task<T> CallManagerAsync<T>(string member, Func<SdBusMessage, T> decode, CancellationToken cancellationToken, params string[] arguments) =>
        CallAsync(new SdBusCall(Manager, ManagerPath, ManagerInterface, member, arguments), decode, cancellationToken);

    private async Task<T> CallAsync<T>(SdBusCall call, Func<SdBusMessage, T> decode, CancellationToken cancellationToken)
    {
        try
        {
            return await _bus.CallAsync(call, decode, cancellationToken);
        }
        catch (SdBusErrorException e) when (e.IsManagerAway)
        {
            throw new SdBusUnavailableException($"systemd does not answer on the bus: {e.Message}", e);
        }
    }

    /// <summary>Notes that somebody waits for the job. On the connection's thread, while the reply that names the job is read: its JobRemoved comes after.</summary>
    private SystemdJob Follow(string path)
    {
        if (!_jobs.TryGetValue(path, out var end))
        {
            _jobs.Add(path, end = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        return new SystemdJob(path, end.Task);
    }

    private void OnSignal(SdBusMessage signal)
    {
        if (signal is { Member: "JobRemoved", Interface: ManagerInterface } && signal.Sender == _manager)
        {
            signal.ReadUInt32();
            var path = signal.ReadObjectPath();
            signal.ReadString();
            if (_jobs.Remove(path, out var end))
            {
                end.TrySetResult(signal.ReadString());
            }
        }
        else if (signal is { Member: "NameOwnerChanged", Interface: Bus, Sender: Bus } && signal.ReadString() == Manager)
        {
            // A job may end while the manager is off the bus, and nobody would tell: start over and ask.
            _bus.Close(new SdBusUnavailableException("systemd has left the bus"));
        }
    }

    private void OnClosed(SdBusUnavailableException reason)
    {
        foreach (var job in _jobs.Values)
        {
            job.TrySetException(reason);
        }
    }
}
