using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.Platform;

/// <summary>A socket that listens.</summary>
/// <param name="Descriptor">Its number in this process.</param>
/// <param name="Name">That of systemd's unit (<c>FileDescriptorName=</c>), else the address as the settings ask for it.</param>
internal readonly record struct ListeningSocket(int Descriptor, string Name);

/// <summary>The sockets on which this process listens. They can be handed to the process that takes its place, so that none of them is ever closed.</summary>
/// <remarks>
/// Servers listen at descriptors of their own: closing one never ends what other processes do with the same socket, as disposing .NET's own socket may
/// (it disconnects one that is in use at that moment).
/// </remarks>
internal sealed class ListeningSockets
{
    /// <summary>sd_listen_fds(3): the first descriptor that systemd passes.</summary>
    private const int FirstDescriptor = 3;

    private readonly Lock _lock = new();
    private readonly List<ListeningSocket> _open = [];
    private readonly List<ListeningSocket> _unclaimed;
    private volatile bool _areShared;

    /// <param name="handedOver">What the process was started with; what no server asks for is closed (<see cref="TakeOver"/>).</param>
    /// <param name="areShared">See <see cref="AreShared"/>.</param>
    public ListeningSockets(IEnumerable<ListeningSocket> handedOver, bool areShared = false)
    {
        _unclaimed = [.. handedOver];
        _areShared = areShared;
    }

    /// <summary>Another process listens at them, too, or in place of this one: the files of Unix sockets are that one's.</summary>
    public bool AreShared => _areShared;

    public void GiveAway() => _areShared = true;

    /// <summary>What servers listen at, and what none has asked for yet.</summary>
    public IReadOnlyList<ListeningSocket> All
    {
        get
        {
            lock (_lock)
            {
                return [.. _open, .. _unclaimed];
            }
        }
    }

    /// <summary>The sockets that systemd has handed to this very process.</summary>
    public static IReadOnlyList<ListeningSocket> OfSystemd()
    {
        if (Environment.GetEnvironmentVariable("LISTEN_PID") != Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
            || !int.TryParse(Environment.GetEnvironmentVariable("LISTEN_FDS"), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            return [];
        }

        var names = (Environment.GetEnvironmentVariable("LISTEN_FDNAMES") ?? "").Split(':');
        return [.. Enumerable.Range(0, count).Select(i => new ListeningSocket(FirstDescriptor + i, i < names.Length ? names[i] : ""))];
    }

    /// <summary>What an address is called.</summary>
    public static string NameOf(EndPoint endPoint) => endPoint is UnixDomainSocketEndPoint ? $"unix:{endPoint}" : $"tcp:{endPoint}";

    /// <summary>Those of systemd, by their names.</summary>
    public IReadOnlyList<ListeningSocket> Named()
    {
        lock (_lock)
        {
            return [.. _unclaimed.Where(socket => socket.Name is "http" or "https")];
        }
    }

    public bool IsHandedOver(EndPoint endPoint)
    {
        lock (_lock)
        {
            return _unclaimed.Exists(socket => socket.Name == NameOf(endPoint));
        }
    }

    /// <summary>A server listens at a descriptor that it was handed.</summary>
    public void Claim(int descriptor)
    {
        lock (_lock)
        {
            if (_unclaimed.FindIndex(socket => socket.Descriptor == descriptor) is >= 0 and var found)
            {
                _open.Add(_unclaimed[found]);
                _unclaimed.RemoveAt(found);
            }
        }
    }

    /// <summary>The socket of an address: the one that was handed over, else a new one.</summary>
    /// <param name="bind">Makes it.</param>
    /// <returns>The descriptor; <see cref="Close"/> closes it.</returns>
    /// <exception cref="SocketException">By <paramref name="bind"/>.</exception>
    public int Open(EndPoint endPoint, Func<EndPoint, Socket> bind)
    {
        var name = NameOf(endPoint);
        lock (_lock)
        {
            if (_unclaimed.FindIndex(socket => socket.Name == name) is >= 0 and var found)
            {
                var handedOver = _unclaimed[found];
                _open.Add(handedOver);
                _unclaimed.RemoveAt(found);
                return handedOver.Descriptor;
            }
        }

        var bound = bind(endPoint);
        var descriptor = LibC.Duplicate((int)bound.Handle);
        if (endPoint is UnixDomainSocketEndPoint)
        {
#pragma warning disable CA1816 // its Dispose removes the file, and so may its finalizer
            GC.SuppressFinalize(bound);
#pragma warning restore CA1816
            bound.SafeHandle.Dispose();
        }
        else
        {
            bound.Dispose();
        }

        lock (_lock)
        {
            _open.Add(new(descriptor, name));
        }

        return descriptor;
    }

    /// <summary>A server listens no more at it.</summary>
    public void Close(int descriptor)
    {
        lock (_lock)
        {
            if (_open.RemoveAll(socket => socket.Descriptor == descriptor) > 0)
            {
                _ = LibC.Close(descriptor);
            }
        }
    }

    /// <summary>No other process listens any more. Closes what was handed over and no server has asked for: the settings name it no more.</summary>
    public void TakeOver()
    {
        _areShared = false;
        lock (_lock)
        {
            foreach (var socket in _unclaimed)
            {
                _ = LibC.Close(socket.Descriptor);
                if (socket.Name.StartsWith("unix:", StringComparison.Ordinal))
                {
                    _ = LibC.Unlink(socket.Name["unix:".Length..]);
                }
            }

            _unclaimed.Clear();
        }
    }
}
