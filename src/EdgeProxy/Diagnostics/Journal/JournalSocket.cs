using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.Diagnostics.Journal;

/// <summary>journald's socket for entries with fields (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). Never waits: what journald does not take at once is lost,
/// and counted.</summary>
internal sealed class JournalSocket : IDisposable
{
    public const string DefaultPath = "/run/systemd/journal/socket";

    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };
    private readonly SocketAddress _journal;
    private long _lost;

    public JournalSocket(string path = DefaultPath) => _journal = new UnixDomainSocketEndPoint(path).Serialize();

    /// <summary>Whether standard error is journald's, as systemd says (<c>JOURNAL_STREAM</c> in systemd.exec(5)) and the kernel confirms: a shell in between
    /// may have redirected it.</summary>
    public static bool IsStandardError =>
        Environment.GetEnvironmentVariable("JOURNAL_STREAM")?.Split(':') is [_, var inode]
            && new FileInfo("/proc/self/fd/2").LinkTarget == $"socket:[{inode}]"
            && File.Exists(DefaultPath);

    /// <summary>Sends an entry.</summary>
    /// <returns>False: it is lost.</returns>
    public bool TrySend(ReadOnlySpan<byte> entry)
    {
        try
        {
            _socket.SendTo(entry, SocketFlags.None, _journal);
            return true;
        }
        catch (SocketException) // its queue is full, it is being restarted, or the entry is larger than a datagram may be
        {
            Interlocked.Increment(ref _lost);
            return false;
        }
    }

    /// <summary>How many entries were lost since this was asked last.</summary>
    public long TakeLost() => Interlocked.Exchange(ref _lost, 0);

    public void Dispose() => _socket.Dispose();
}
