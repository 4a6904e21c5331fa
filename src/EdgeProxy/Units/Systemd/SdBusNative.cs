using System.Runtime.InteropServices;

namespace EdgeProxy.Units.Systemd;

/// <summary>The functions of libsystemd's sd-bus (sd-bus.h) and libc that <see cref="SdBusLink"/> and <see cref="SocketWait"/> are made of.</summary>
/// <remarks>
/// Only functions without a variable argument list (those have a calling convention of their own) and without callbacks: every reply and
/// signal comes out of <see cref="sd_bus_process"/>. Each returns a negative errno on failure.
/// </remarks>
internal static unsafe partial class SdBusNative
{
    private const string Systemd = "libsystemd.so.0";

    /// <summary>errno EINTR.</summary>
    internal const int Interrupted = 4;

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_open_system(out nint bus);

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_new(out nint bus);

    [LibraryImport(Systemd, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int sd_bus_set_address(nint bus, string address);

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_set_bus_client(nint bus, int isClient);

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_start(nint bus);

    [LibraryImport(Systemd)]
    internal static partial nint sd_bus_close_unref(nint bus);

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_get_fd(nint bus);

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_get_events(nint bus);

    /// <param name="bus">The connection.</param>
    /// <param name="microseconds">An instant of CLOCK_MONOTONIC; <see cref="ulong.MaxValue"/>: never.</param>
    [LibraryImport(Systemd)]
    internal static partial int sd_bus_get_timeout(nint bus, out ulong microseconds);

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_process(nint bus, out nint message);

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_send(nint bus, nint message, out ulong cookie);

    [LibraryImport(Systemd, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int sd_bus_message_new_method_call(nint bus, out nint message, string destination, string path, string @interface, string member);

    [LibraryImport(Systemd)]
    internal static partial nint sd_bus_message_unref(nint message);

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_message_get_type(nint message, out byte type);

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_message_get_reply_cookie(nint message, out ulong cookie);

    [LibraryImport(Systemd)]
    internal static partial BusError* sd_bus_message_get_error(nint message);

    [LibraryImport(Systemd)]
    internal static partial nint sd_bus_message_get_sender(nint message);

    [LibraryImport(Systemd)]
    internal static partial nint sd_bus_message_get_interface(nint message);

    [LibraryImport(Systemd)]
    internal static partial nint sd_bus_message_get_member(nint message);

    [LibraryImport(Systemd, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int sd_bus_message_append_basic(nint message, byte type, string value);

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_message_peek_type(nint message, out byte type, out nint contents);

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_message_enter_container(nint message, byte type, nint contents);

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_message_exit_container(nint message);

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_message_read_basic(nint message, byte type, ulong* value);

    [LibraryImport(Systemd)]
    internal static partial int sd_bus_message_read_array(nint message, byte type, out nint start, out nuint size);

    /// <param name="message">The message.</param>
    /// <param name="types">Null: the next complete value, whatever it is.</param>
    [LibraryImport(Systemd)]
    internal static partial int sd_bus_message_skip(nint message, nint types);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int poll(PollFd* fds, nuint count, int milliseconds);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint read(int fd, void* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint write(int fd, void* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int close(int fd);

    /// <summary>Returns a result that is not an error.</summary>
    /// <exception cref="SdBusUnavailableException">It is one: nothing that this class calls fails for another reason than the connection.</exception>
    internal static int Check(int result, string what) => result >= 0
        ? result
        : throw new SdBusUnavailableException($"{what}: {Marshal.GetPInvokeErrorMessage(-result)}");

    /// <summary>The start of sd_bus_error; the rest is not ours to read.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct BusError
    {
        internal nint Name;
        internal nint Message;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct PollFd
    {
        internal int Fd;
        internal short Events;
        internal short Returned;
    }
}
