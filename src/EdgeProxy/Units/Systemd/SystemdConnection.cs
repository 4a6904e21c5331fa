using Tmds.DBus.Protocol;

namespace EdgeProxy.Units.Systemd;

/// <summary>A D-Bus connection to the systemd that runs now. Any thread may call on it.</summary>
/// <remarks>
/// It is not repaired when it breaks, and it ends when systemd leaves the bus (<c>daemon-reexec</c>): another one is opened. The library's
/// AutoConnect would connect again by itself, but without the signals that were watched.
/// </remarks>
internal sealed class SystemdConnection : IDisposable
{
    private const string Name = "org.freedesktop.systemd1";

    /// <summary>dbus-daemon allows 128 replies to be due on one connection (max_replies_per_connection) and fails the next call.</summary>
    private const int MaxCallsInFlight = 64;

    /// <summary>The D-Bus default; the library has no timeouts. A reply this late means that the other side hangs: no call waits for a job.</summary>
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(25);

    private readonly DBusConnection _bus;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _calls = new(MaxCallsInFlight);
    private readonly TaskCompletionSource<SystemdUnavailableException> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>
    /// systemd's name and the owner of it in one. A call to it fails once another process owns the name. Signals of other senders, which any
    /// local user can send to this connection, are not passed on.
    /// </summary>
    private string _systemd = "";

    private SystemdConnection(string address, TimeProvider time) => (_bus, _time) = (new DBusConnection(new SystemdConnectionOptions(address)), time);

    /// <summary>Completes with the reason when the connection has ended, whether anybody calls on it or not.</summary>
    public Task<SystemdUnavailableException> Closed => _closed.Task;

    /// <param name="address">A D-Bus address; null: the system bus.</param>
    /// <param name="time">The clock of the timeouts.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="SystemdUnavailableException">No bus, or no systemd on it.</exception>
    public static async Task<SystemdConnection> OpenAsync(string? address, TimeProvider time, CancellationToken cancellationToken)
    {
        address ??= DBusAddress.System ?? "";
        var connection = new SystemdConnection(address, time);
        try
        {
            await connection.ConnectAsync().WaitAsync(CallTimeout, time, cancellationToken);
            return connection;
        }
        // Whatever it is: an address comes from the settings, and each way in which it can be wrong has an exception of its own.
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            connection.Dispose();
            throw new SystemdUnavailableException($"connect to {address}: {BusErrors.WhyNotConnected(e, CallTimeout)}", e);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Watches a signal of systemd, for as long as the connection lasts.</summary>
    /// <param name="path">The object.</param>
    /// <param name="interface">The signal's interface.</param>
    /// <param name="signal">Its name.</param>
    /// <param name="signature">The types of its values.</param>
    /// <param name="read">Reads them.</param>
    /// <param name="handle">Gets what was read, on the loop that reads the connection, in order with the replies. If it throws, the connection ends.</param>
    /// <exception cref="SystemdUnavailableException">The connection is gone.</exception>
    public Task WatchAsync<T>(string path, string @interface, string signal, string signature, MessageValueReader<T> read, Action<T> handle)
    {
        // Not on the caller's synchronization context: there a signal could arrive before the reply that was sent before it.
        return RespondAsync("AddMatch", () => _bus.WatchSignalAsync(
            _systemd, path, @interface, signal, Expect(signal, signature, read), OnNotification, ObserverFlags.EmitAll, emitOnCapturedContext: false).AsTask());

        void OnNotification(Notification<T> notification)
        {
            if (notification.HasValue)
            {
                handle(notification.Value);
            }
            else // nothing more will be heard: the bus or systemd is gone, or the signal was not as expected
            {
                var reason = notification.CompletionReason;
                Close(new SystemdUnavailableException($"systemd or the bus was restarted: {reason.Message}", reason));
            }
        }
    }

    /// <summary>Calls a method of systemd.</summary>
    /// <param name="path">The object.</param>
    /// <param name="interface">The method's interface.</param>
    /// <param name="method">Its name.</param>
    /// <param name="signature">The types of the reply's values.</param>
    /// <param name="read">Reads them, on the loop that reads the connection: what it notes is noted before any later signal is handled.</param>
    /// <param name="cancellationToken">Ends the waiting; the call is made or has been made all the same.</param>
    /// <param name="arguments">Every method that is called here takes strings only.</param>
    /// <exception cref="DBusErrorReplyException">systemd refuses.</exception>
    /// <exception cref="DBusMessageException">The reply is not as expected.</exception>
    /// <exception cref="SystemdUnavailableException">The connection is gone, or systemd has not responded in 25 s.</exception>
    public async Task<T> CallAsync<T>(
        string path,
        string @interface,
        string method,
        string signature,
        MessageValueReader<T> read,
        CancellationToken cancellationToken,
        params string[] arguments)
    {
        await _calls.WaitAsync(cancellationToken); // bounded: each call before this one ends within its timeout
        return await CompleteAsync().WaitAsync(cancellationToken);

        // Goes on when the caller does not wait any more: a systemd that hangs is noticed all the same.
        async Task<T> CompleteAsync()
        {
            try
            {
                return await RespondAsync(method, () => _bus.CallMethodAsync(Message(), Expect(method, signature, read)));
            }
            finally
            {
                _calls.Release();
                await Task.Yield(); // away from the loop that reads the connection: whatever the caller does next would hold it up
            }
        }

        MessageBuffer Message()
        {
            // The library checks nothing of this. The bus would close the connection for an invalid path or string; the paths are systemd's
            // own, and the settings allow no such name of a unit.
            using var writer = _bus.GetMessageWriter(); // a mutable struct: a copy of it would return its buffer a second time
            writer.WriteMethodCallHeader(_systemd, path, @interface, method, arguments.Length == 0 ? null : new string('s', arguments.Length));
            foreach (var argument in arguments)
            {
                writer.WriteString(argument);
            }

            return writer.CreateMessage();
        }
    }

    public void Dispose() => Close(new SystemdUnavailableException("the connection to the bus was closed"));

    private async Task ConnectAsync()
    {
        await _bus.ConnectAsync();
        if (_bus.UniqueName is null) // how the library reports that the bus has responded to Hello with an error
        {
            throw new DBusConnectFailedException("the bus accepts no more connections");
        }

        var owner = await _bus.WatchNameOwnerAsync(Name); // ends with the connection
        _systemd = owner.GetCurrentOwner() ?? throw new DBusConnectFailedException("systemd is not on this bus");
    }

    private async Task<T> RespondAsync<T>(string method, Func<Task<T>> callAsync)
    {
        try
        {
            return await callAsync().WaitAsync(CallTimeout, _time);
        }
        catch (TimeoutException)
        {
            throw Close(new SystemdUnavailableException($"systemd has not responded with {method} in {CallTimeout.TotalSeconds:0} s"));
        }
        catch (Exception e) when (BusErrors.MeansGone(e))
        {
            throw Close(new SystemdUnavailableException($"systemd does not respond on the bus: {e.Message}", e));
        }
    }

    /// <summary>The library compares no signatures: a value that is read as another type is garbage, not an error.</summary>
    private static MessageValueReader<T> Expect<T>(string member, string signature, MessageValueReader<T> read) => (message, state) =>
    {
        var actual = message.SignatureAsString ?? "";
        return actual == signature
            ? read(message, state)
            : throw new DBusUnexpectedValueException($"{member} has values of the types \"{actual}\" instead of \"{signature}\"");
    };

    /// <summary>Ends the connection, and with it what waits. May be called more than once, also by the loop that reads the connection.</summary>
    /// <returns>What has ended the connection: this reason, or an earlier one.</returns>
    private SystemdUnavailableException Close(SystemdUnavailableException reason)
    {
        _closed.TrySetResult(reason);
        _bus.Dispose();
        return _closed.Task.Result;
    }
}
