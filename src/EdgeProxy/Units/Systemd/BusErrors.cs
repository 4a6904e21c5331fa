using System.Net.Sockets;
using Tmds.DBus.Protocol;

namespace EdgeProxy.Units.Systemd;

/// <summary>What the library's exceptions mean for a connection.</summary>
internal static class BusErrors
{
    /// <summary>The connection has ended, or nobody has taken the call because systemd has just left the bus.</summary>
    public static bool MeansGone(Exception error) => error is DBusConnectionException or DBusOwnerChangedException or ObjectDisposedException
        or DBusErrorReplyException
    {
        ErrorName: "org.freedesktop.DBus.Error.ServiceUnknown" or "org.freedesktop.DBus.Error.NameHasNoOwner" or
                "org.freedesktop.DBus.Error.NoReply" or "org.freedesktop.DBus.Error.Disconnected" or "org.freedesktop.DBus.Error.TimedOut"
    };

    /// <summary>The reason alone, for people, without the layers around it.</summary>
    public static string WhyNotConnected(Exception error, TimeSpan timeout) => error.GetBaseException() switch
    {
        SocketException { SocketErrorCode: SocketError.AddressNotAvailable } => "No such file or directory", // how a Unix socket names ENOENT
        TimeoutException => $"no response in {timeout.TotalSeconds:0} s",
        var reason => reason.Message,
    };
}

/// <summary>The connection could not be made or is gone, or systemd does not respond on it. Another connection may be tried.</summary>
internal sealed class SystemdUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
