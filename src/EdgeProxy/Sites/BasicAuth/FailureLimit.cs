using System.Net;
using System.Net.Sockets;

namespace EdgeProxy.Sites.BasicAuth;

/// <summary>How many wrong passwords a client may try: so many at once, then one each <see cref="TimePerTry"/>. Any thread asks.</summary>
/// <remarks>Bounded: of more clients than <see cref="MaxClients"/> those that come last share one allowance, so that nobody gets more by having many
/// addresses. An IPv6 client has a network of 2^64 addresses, which count as one.</remarks>
internal sealed class FailureLimit(TimeProvider time)
{
    public const int Burst = 10;
    public const int MaxClients = 4096;

    private readonly Lock _lock = new();
    private readonly Dictionary<UInt128, Allowance> _clients = []; // guarded by _lock, as the next
    private Allowance _others = Allowance.Full;

    public static TimeSpan TimePerTry { get; } = TimeSpan.FromSeconds(10);

    /// <summary>Takes a try from a client's allowance.</summary>
    /// <returns>False: it has none left.</returns>
    public bool TryTake(IPAddress? client)
    {
        var key = KeyOf(client);
        lock (_lock)
        {
            var now = time.GetTimestamp();
            if (!_clients.TryGetValue(key, out var allowance))
            {
                if (_clients.Count >= MaxClients)
                {
                    Forget(now);
                }

                if (_clients.Count >= MaxClients)
                {
                    return TryTake(ref _others, now);
                }

                allowance = Allowance.Full;
            }

            var isTaken = TryTake(ref allowance, now);
            _clients[key] = allowance;
            return isTaken;
        }
    }

    /// <summary>The password was right: the try does not count.</summary>
    public void GiveBack(IPAddress? client)
    {
        lock (_lock)
        {
            var key = KeyOf(client);
            if (_clients.TryGetValue(key, out var allowance))
            {
                _clients[key] = allowance with { Tries = Math.Min(Burst, allowance.Tries + 1) };
            }
            else
            {
                _others = _others with { Tries = Math.Min(Burst, _others.Tries + 1) };
            }
        }
    }

    private bool TryTake(ref Allowance allowance, long now)
    {
        var tries = TriesAt(allowance, now);
        allowance = new Allowance(tries >= 1 ? tries - 1 : tries, now);
        return tries >= 1;
    }

    private double TriesAt(Allowance allowance, long now) => allowance.At == 0 ? allowance.Tries
        : Math.Min(Burst, allowance.Tries + (time.GetElapsedTime(allowance.At, now) / TimePerTry));

    /// <summary>Forgets whose allowance is whole again.</summary>
    private void Forget(long now)
    {
        foreach (var (key, allowance) in _clients)
        {
            if (TriesAt(allowance, now) >= Burst)
            {
                _clients.Remove(key);
            }
        }
    }

    private static UInt128 KeyOf(IPAddress? client)
    {
        if (client is null)
        {
            return UInt128.Zero; // peers on a Unix socket
        }

        Span<byte> bytes = stackalloc byte[16];
        client.MapToIPv6().TryWriteBytes(bytes, out _);
        if (client.AddressFamily == AddressFamily.InterNetworkV6)
        {
            bytes[8..].Clear();
        }

        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    /// <param name="Tries">That were left.</param>
    /// <param name="At">When; 0: it has never been used.</param>
    private readonly record struct Allowance(double Tries, long At)
    {
        public static Allowance Full => new(Burst, 0);
    }
}
