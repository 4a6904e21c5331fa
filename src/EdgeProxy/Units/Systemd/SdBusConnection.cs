using System.Diagnostics.CodeAnalysis;

namespace EdgeProxy.Units.Systemd;

/// <summary>A D-Bus connection that any thread may call on. It is not mended when it breaks: another one is opened.</summary>
/// <remarks>
/// One thread owns the native <see cref="SdBusLink"/> to the end: it sends what the queue holds, takes in what has arrived and sleeps until
/// there is more of either. It ends on <see cref="Close"/> or when the bus is gone, fails whatever waits, then frees the link; nothing
/// thrown leaves it.
/// </remarks>
internal sealed class SdBusConnection : IAsyncDisposable
{
    /// <summary>dbus-daemon allows 128 replies to be due on one connection (max_replies_per_connection) and fails the next call.</summary>
    private const int MaxCallsInFlight = 64;

    /// <summary>The D-Bus default. An answer this late means that the other side hangs; jobs are not waited for inside a call.</summary>
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(25);

    private readonly SdBusLink _link;
    private readonly SocketWait _wait;
    private readonly Thread _thread;
    private readonly TimeProvider _time;
    private readonly Action<SdBusMessage> _onSignal;
    private readonly Action<SdBusUnavailableException> _onClosed;
    private readonly SemaphoreSlim _room = new(MaxCallsInFlight);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();

    /// <remarks>Acquire <see cref="_gate"/> before accessing.</remarks>
    private readonly Queue<PendingCall> _queue = [];

    /// <remarks>Written under <see cref="_gate"/>. Once set, nothing more is queued.</remarks>
    private volatile SdBusUnavailableException? _closed;

    private SdBusConnection(SdBusLink link, SocketWait wait, TimeProvider time, Action<SdBusMessage> onSignal, Action<SdBusUnavailableException> onClosed)
    {
        (_link, _wait, _time, _onSignal, _onClosed) = (link, wait, time, onSignal, onClosed);
        _thread = new Thread(Run) { IsBackground = true, Name = "sd-bus" };
        _thread.Start();
    }

    /// <summary>The connection is gone or about to go: a call would fail.</summary>
    public bool IsClosed => _closed is not null;

    /// <summary>Connects; the handshake goes on in the background, and calls wait for it.</summary>
    /// <param name="address">A D-Bus address; null: the system bus.</param>
    /// <param name="time">The clock of the call timeout.</param>
    /// <param name="onSignal">Sees every signal, in order of arrival with the replies, on the connection's thread.</param>
    /// <param name="onClosed">Called once, on the connection's thread, when nothing more will arrive.</param>
    /// <exception cref="SdBusUnavailableException">Nobody listens there, or this machine has no libsystemd.</exception>
    public static SdBusConnection Open(string? address, TimeProvider time, Action<SdBusMessage> onSignal, Action<SdBusUnavailableException> onClosed)
    {
        var link = SdBusLink.Connect(address);
        try
        {
            return new SdBusConnection(link, new SocketWait(), time, onSignal, onClosed);
        }
        catch
        {
            link.Dispose();
            throw;
        }
    }

    /// <summary>Calls a method.</summary>
    /// <param name="call">The method.</param>
    /// <param name="decode">Reads the reply, on the connection's thread: what it notes there is seen before any later signal.</param>
    /// <param name="cancellationToken">Ends the waiting; the call is made or has been made all the same.</param>
    /// <exception cref="SdBusErrorException">The other side says no.</exception>
    /// <exception cref="SdBusUnavailableException">The connection is gone, or nobody has answered in 25 s.</exception>
    public async Task<T> CallAsync<T>(SdBusCall call, Func<SdBusMessage, T> decode, CancellationToken cancellationToken)
    {
        await _room.WaitAsync(cancellationToken);
        var pending = new PendingCall<T>(call, decode, _room);
        Enqueue(pending);
        try
        {
            return await pending.Result.WaitAsync(CallTimeout, _time, cancellationToken);
        }
        catch (TimeoutException)
        {
            var silent = new SdBusUnavailableException($"{call.Destination} has not answered {call.Member} in {CallTimeout.TotalSeconds:0} s");
            Close(silent);
            throw silent;
        }
    }

    /// <summary>Ends the connection soon; may be called from its own thread and more than once.</summary>
    public void Close(SdBusUnavailableException reason)
    {
        lock (_gate)
        {
            _closed ??= reason;
        }

        _wait.Wake();
    }

    /// <summary>Ends the connection and waits until its thread has.</summary>
    public async ValueTask DisposeAsync()
    {
        Close(new SdBusUnavailableException("the connection to the bus was closed"));
        await _ended.Task;
        _thread.Join(); // it has nothing left to do
    }

    private void Enqueue(PendingCall call)
    {
        SdBusUnavailableException? closed;
        lock (_gate)
        {
            closed = _closed;
            if (closed is null)
            {
                _queue.Enqueue(call); // from here on the thread answers for it
            }
        }

        if (closed is null)
        {
            _wait.Wake();
        }
        else
        {
            call.Fail(closed);
        }
    }

    private void Run()
    {
        try
        {
            while (_closed is null)
            {
                SendQueued();
                _link.Receive(_onSignal);
                _link.Sleep(_wait);
            }
        }
        catch (Exception e)
        {
            Close(e as SdBusUnavailableException ?? new SdBusUnavailableException($"the connection to the bus broke: {e.Message}", e));
        }

        End(_closed!);
    }

    private void SendQueued()
    {
        while (TryDequeue(out var call))
        {
            _link.Send(call);
        }

        bool TryDequeue([NotNullWhen(true)] out PendingCall? call)
        {
            lock (_gate)
            {
                return _queue.TryDequeue(out call);
            }
        }
    }

    /// <summary>The thread's last act. <see cref="_closed"/> is set, so nobody queues any more.</summary>
    private void End(SdBusUnavailableException reason)
    {
        _link.FailPending(reason);
        while (_queue.TryDequeue(out var call))
        {
            call.Fail(reason);
        }

        _link.Dispose();
        _wait.Dispose();
        _onClosed(reason);
        _ended.TrySetResult();
    }
}
