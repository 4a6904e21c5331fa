using System.Diagnostics;
using System.Runtime.InteropServices;
using static EdgeProxy.Units.Systemd.SdBusNative;

namespace EdgeProxy.Units.Systemd;

/// <summary>A D-Bus connection through libsystemd. It is not mended when it breaks: another one is opened.</summary>
/// <remarks>
/// sd-bus is not thread-safe, so one thread owns the native handle from the first call to the last: it sends what the queue holds, takes
/// every message out of sd_bus_process and sleeps until there is more of either. It ends on <see cref="Close"/> or when the bus is gone,
/// fails whatever waits, then frees the handle; nothing thrown leaves it.
/// </remarks>
internal sealed class SdBusConnection : IAsyncDisposable
{
    /// <summary>dbus-daemon allows 128 replies to be due on one connection (max_replies_per_connection) and fails the next call.</summary>
    private const int MaxCallsInFlight = 64;

    private const byte MethodReturn = 2;
    private const byte MethodError = 3;
    private const byte Signal = 4;

    /// <summary>The D-Bus default. An answer this late means that the other side hangs; jobs are not waited for inside a call.</summary>
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(25);

    private readonly nint _bus;
    private readonly SocketWait _wait;
    private readonly Thread _thread;
    private readonly TimeProvider _time;
    private readonly Action<SdBusMessage> _onSignal;
    private readonly Action<SdBusUnavailableException> _onClosed;
    private readonly SemaphoreSlim _room = new(MaxCallsInFlight);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <remarks>Used by the thread only.</remarks>
    private readonly Dictionary<ulong, PendingCall> _pending = [];

    private readonly Lock _gate = new();

    /// <remarks>Acquire <see cref="_gate"/> before accessing.</remarks>
    private readonly Queue<PendingCall> _queue = [];

    /// <remarks>Written under <see cref="_gate"/>. Once set, nothing more is queued.</remarks>
    private volatile SdBusUnavailableException? _closed;

    private SdBusConnection(nint bus, SocketWait wait, TimeProvider time, Action<SdBusMessage> onSignal, Action<SdBusUnavailableException> onClosed)
    {
        (_bus, _wait, _time, _onSignal, _onClosed) = (bus, wait, time, onSignal, onClosed);
        _thread = new Thread(Run) { IsBackground = true, Name = "sd-bus" };
        _thread.Start();
    }

    /// <summary>The connection is gone or about to go: a call would fail.</summary>
    public bool IsClosed => _closed is not null;

    /// <summary>Connects. What is slow about it (the handshake) goes on in the background, and calls wait for it.</summary>
    /// <param name="address">A D-Bus address; null: the system bus.</param>
    /// <param name="time">The clock of the call timeout.</param>
    /// <param name="onSignal">Sees every signal, in order of arrival with the replies, on the connection's thread.</param>
    /// <param name="onClosed">Called once, on the connection's thread, when nothing more will arrive.</param>
    /// <exception cref="SdBusUnavailableException">Nobody listens there, or this machine has no libsystemd.</exception>
    public static SdBusConnection Open(string? address, TimeProvider time, Action<SdBusMessage> onSignal, Action<SdBusUnavailableException> onClosed)
    {
        var wait = new SocketWait();
        try
        {
            return new SdBusConnection(Connect(address), wait, time, onSignal, onClosed);
        }
        catch
        {
            wait.Dispose();
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
        var pending = new PendingCall<T>(call, decode);
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

    private static nint Connect(string? address)
    {
        nint bus = 0;
        try
        {
            if (address is null)
            {
                Check(sd_bus_open_system(out bus), "connect to the system bus");
                return bus;
            }

            Check(sd_bus_new(out bus), "sd_bus_new");
            Check(sd_bus_set_address(bus, address), $"use the bus address {address}");
            Check(sd_bus_set_bus_client(bus, 1), "sd_bus_set_bus_client");
            Check(sd_bus_start(bus), $"connect to {address}");
            return bus;
        }
        catch (SdBusUnavailableException)
        {
            sd_bus_close_unref(bus); // takes a null
            throw;
        }
        catch (DllNotFoundException e)
        {
            throw new SdBusUnavailableException("libsystemd.so.0 is not on this machine", e);
        }
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
            Fail(call, closed);
        }
    }

    private void Run()
    {
        try
        {
            while (SendQueued())
            {
                Receive();
                Sleep();
            }
        }
        catch (Exception e)
        {
            Close(e as SdBusUnavailableException ?? new SdBusUnavailableException($"the connection to the bus broke: {e.Message}", e));
        }

        End(_closed!);
    }

    /// <returns>False: the connection is to end.</returns>
    private bool SendQueued()
    {
        while (_closed is null)
        {
            PendingCall? call;
            lock (_gate)
            {
                if (!_queue.TryDequeue(out call))
                {
                    return true;
                }
            }

            Send(call);
        }

        return false;
    }

    private void Send(PendingCall pending)
    {
        var call = pending.Call;
        nint message = 0;
        try
        {
            Check(sd_bus_message_new_method_call(_bus, out message, call.Destination, call.Path, call.Interface, call.Member), call.Member);
            foreach (var argument in call.Arguments)
            {
                Check(sd_bus_message_append_basic(message, (byte)'s', argument), call.Member);
            }

            Check(sd_bus_send(_bus, message, out var cookie), call.Member);
            _pending.Add(cookie, pending);
        }
        catch (SdBusUnavailableException e)
        {
            Fail(pending, e);
        }
        finally
        {
            sd_bus_message_unref(message); // takes a null
        }
    }

    private void Receive()
    {
        while (Check(sd_bus_process(_bus, out var message), "the bus has closed the connection") > 0)
        {
            try
            {
                if (message != 0)
                {
                    Dispatch(message);
                }
            }
            finally
            {
                sd_bus_message_unref(message);
            }
        }
    }

    private unsafe void Dispatch(nint message)
    {
        Check(sd_bus_message_get_type(message, out var type), "sd_bus_message_get_type");
        if (type == Signal)
        {
            _onSignal(new SdBusMessage(message));
            return;
        }

        if (type is not (MethodReturn or MethodError) || sd_bus_message_get_reply_cookie(message, out var cookie) < 0 || !_pending.Remove(cookie, out var call))
        {
            return;
        }

        if (type == MethodReturn)
        {
            call.Complete(new SdBusMessage(message));
            _room.Release();
        }
        else
        {
            var error = sd_bus_message_get_error(message);
            Fail(call, new SdBusErrorException(Marshal.PtrToStringUTF8(error->Name) ?? "", Marshal.PtrToStringUTF8(error->Message) ?? ""));
        }
    }

    private void Sleep()
    {
        Check(sd_bus_get_timeout(_bus, out var until), "sd_bus_get_timeout");
        var socket = Check(sd_bus_get_fd(_bus), "sd_bus_get_fd");
        var events = Check(sd_bus_get_events(_bus), "sd_bus_get_events");
        _wait.Wait(socket, (short)events, MillisecondsUntil(until));
    }

    /// <summary>libsystemd's deadlines are instants of CLOCK_MONOTONIC, which is what <see cref="Stopwatch"/> reads.</summary>
    private static int MillisecondsUntil(ulong microseconds)
    {
        if (microseconds == ulong.MaxValue)
        {
            return -1;
        }

        var now = Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1_000_000);
        return (int)Math.Clamp(((long)microseconds - now + 999) / 1000, 0, 60_000);
    }

    /// <summary>The thread's last act. <see cref="_closed"/> is set, so nobody queues any more.</summary>
    private void End(SdBusUnavailableException reason)
    {
        foreach (var call in _pending.Values.Concat(_queue))
        {
            Fail(call, reason);
        }

        sd_bus_close_unref(_bus);
        _wait.Dispose();
        _onClosed(reason);
        _ended.TrySetResult();
    }

    private void Fail(PendingCall call, Exception reason)
    {
        call.Fail(reason);
        _room.Release();
    }
}
