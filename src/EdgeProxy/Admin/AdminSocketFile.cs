using System.Net.Sockets;

namespace EdgeProxy.Admin;

/// <summary>The file of the admin socket: makes room for it before it is bound.</summary>
internal static class AdminSocketFile
{
    private const UnixFileMode DirectoryMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    /// <summary>Creates the directory where it is missing, and removes a socket that a killed process has left.</summary>
    /// <exception cref="AdminListenException">Another process responds there, the file is no socket, or the directory cannot be used.</exception>
    public static void Prepare(string path)
    {
        try
        {
            // Users who may use the socket must reach it: its own mode protects it.
            Directory.CreateDirectory(Path.GetDirectoryName(path)!, DirectoryMode);
            if (Path.Exists(path))
            {
                RemoveStale(path);
            }
        }
        catch (Exception unusable) when (unusable is (IOException and not AdminListenException) or UnauthorizedAccessException)
        {
            throw new AdminListenException($"The admin socket {path} cannot be made: {unusable.Message}", unusable);
        }
    }

    /// <remarks>
    /// The kernel alone knows whether somebody listens: it refuses a connection to a socket that nobody has open. It refuses one to a regular
    /// file too, so nothing that has content is removed.
    /// </remarks>
    private static void RemoveStale(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException refused) when (refused.SocketErrorCode == SocketError.ConnectionRefused && new FileInfo(path).Length == 0)
        {
            File.Delete(path);
            return;
        }
        catch (SocketException other)
        {
            throw new AdminListenException(
                $"The admin socket {path} cannot be made: there is something else of this name ({other.Message}). Look at it, then remove it.", other);
        }

        throw new AdminListenException(
            $"Another process responds on the admin socket {path}: EdgeProxy runs already. Stop it first, or give this one its own Admin:Socket.");
    }
}

/// <summary>The admin API cannot listen. The message says why and what to do. Of the kind that Kestrel throws when it cannot.</summary>
internal sealed class AdminListenException(string message, Exception? inner = null) : IOException(message, inner);
