using System.Diagnostics;
using System.Runtime.InteropServices;
using static EdgeProxy.Units.Systemd.SdBusNative;

namespace EdgeProxy.Units.Systemd;

/// <summary>The native end of a connection: sends calls and takes what arrives out of libsystemd.</summary>
/// <remarks>Not thread-safe, as libsystemd is not: from its making on it belongs to the thread of <see cref="SdBusConnection"/>.</remarks>
internal sealed class SdBusLink : IDisposable
{
    private const byte MethodReturn = 2;
    private const byte MethodError = 3;
    private const byte Signal = 4;

    private readonly nint _bus;

    /// <summary>The calls whose replies are due, by the number that libsystemd has given them.</summary>
    private readonly Dictionary<ulong, PendingCall> _pending = [];

    private SdBusLink(nint bus) => _bus = bus;

    /// <summary>Connects. What is slow about it (the handshake) goes on with the first sends and receives.</summary>
    /// <param name="address">A D-Bus address; null: the system bus.</param>
    /// <exception cref="SdBusUnavailableException">Nobody listens there, or this machine has no libsystemd.</exception>
    public static SdBusLink Connect(string? address)
    {
        nint bus = 0;
        try
        {
            if (address is null)
            {
                Check(sd_bus_open_system(out bus), "connect to the system bus");
                return new SdBusLink(bus);
            }

            Check(sd_bus_new(out bus), "sd_bus_new");
            Check(sd_bus_set_address(bus, address), $"use the bus address {address}");
            Check(sd_bus_set_bus_client(bus, 1), "sd_bus_set_bus_client");
            Check(sd_bus_start(bus), $"connect to {address}");
            return new SdBusLink(bus);
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

    /// <summary>Sends a call. From here on it ends by its reply or by <see cref="FailPending"/>; one that cannot be sent fails at once.</summary>
    public void Send(PendingCall pending)
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
            pending.Fail(e);
        }
        finally
        {
            sd_bus_message_unref(message); // takes a null
        }
    }

    /// <summary>Takes in everything that has arrived: completes calls, hands out signals.</summary>
    /// <exception cref="SdBusUnavailableException">The bus has gone.</exception>
    public void Receive(Action<SdBusMessage> onSignal)
    {
        while (Check(sd_bus_process(_bus, out var message), "the bus has closed the connection") > 0)
        {
            try
            {
                if (message != 0)
                {
                    Dispatch(message, onSignal);
                }
            }
            finally
            {
                sd_bus_message_unref(message);
            }
        }
    }

    /// <summary>Sleeps until there is something to receive, or room to send what libsystemd still holds, or until woken.</summary>
    public void Sleep(SocketWait wait)
    {
        Check(sd_bus_get_timeout(_bus, out var until), "sd_bus_get_timeout");
        var socket = Check(sd_bus_get_fd(_bus), "sd_bus_get_fd");
        var events = Check(sd_bus_get_events(_bus), "sd_bus_get_events");
        wait.Wait(socket, (short)events, MillisecondsUntil(until));
    }

    public void FailPending(Exception reason)
    {
        foreach (var call in _pending.Values)
        {
            call.Fail(reason);
        }

        _pending.Clear();
    }

    public void Dispose() => sd_bus_close_unref(_bus);

    private void Dispatch(nint message, Action<SdBusMessage> onSignal)
    {
        Check(sd_bus_message_get_type(message, out var type), "sd_bus_message_get_type");
        if (type == Signal)
        {
            onSignal(new SdBusMessage(message));
        }
        else if (type is MethodReturn or MethodError
            && sd_bus_message_get_reply_cookie(message, out var cookie) >= 0
            && _pending.Remove(cookie, out var call))
        {
            if (type == MethodReturn)
            {
                call.Complete(new SdBusMessage(message));
            }
            else
            {
                call.Fail(ErrorOf(message));
            }
        }
    }

    private static unsafe SdBusErrorException ErrorOf(nint message)
    {
        var error = sd_bus_message_get_error(message);
        return new SdBusErrorException(Marshal.PtrToStringUTF8(error->Name) ?? "", Marshal.PtrToStringUTF8(error->Message) ?? "");
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
}
