using System.Runtime.InteropServices;
using static EdgeProxy.Units.Systemd.SdBusNative;

namespace EdgeProxy.Units.Systemd;

/// <summary>Sleeps until a socket is ready, a deadline has come or another thread says <see cref="Wake"/>: poll(2) with an eventfd.</summary>
/// <remarks><see cref="Wait"/> and <see cref="Dispose"/> belong to one thread; <see cref="Wake"/> may come from any, also after the end.</remarks>
internal sealed unsafe class SocketWait : IDisposable
{
    private const int NonBlockingCloseOnExec = 0x80800; // EFD_NONBLOCK | EFD_CLOEXEC
    private const short PollIn = 1;

    private readonly Lock _gate = new();
    private readonly int _eventFd = eventfd(0, NonBlockingCloseOnExec);

    /// <remarks>Acquire <see cref="_gate"/> before accessing: the descriptor's number may be another file's once it is closed.</remarks>
    private bool _closed;

    /// <exception cref="SdBusUnavailableException">The process has no descriptor left.</exception>
    public SocketWait()
    {
        if (_eventFd < 0)
        {
            throw new SdBusUnavailableException($"eventfd: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    public void Wake()
    {
        lock (_gate)
        {
            if (!_closed)
            {
                ulong one = 1;
                _ = write(_eventFd, &one, sizeof(ulong)); // fails only when the counter is full: then the sleeper wakes anyway
            }
        }
    }

    /// <param name="socket">The socket.</param>
    /// <param name="events">What to wait for, as poll(2) has it.</param>
    /// <param name="milliseconds">At most so long; -1: without a limit.</param>
    public void Wait(int socket, short events, int milliseconds)
    {
        var fds = stackalloc PollFd[2];
        fds[0] = new PollFd { Fd = socket, Events = events };
        fds[1] = new PollFd { Fd = _eventFd, Events = PollIn };
        if (poll(fds, 2, milliseconds) < 0 && Marshal.GetLastPInvokeError() is var error and not Interrupted)
        {
            throw new SdBusUnavailableException($"poll: {Marshal.GetPInvokeErrorMessage(error)}");
        }

        ulong count;
        _ = read(_eventFd, &count, sizeof(ulong)); // EAGAIN: nobody has called
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            _ = close(_eventFd);
        }
    }
}
