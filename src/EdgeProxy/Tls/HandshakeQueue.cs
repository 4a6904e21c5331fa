using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace EdgeProxy.Tls;

/// <summary>
/// Bounds how many handshakes compute at the same time, so that a flood of them leaves cores to everybody else; the others wait. Each block of client addresses
/// has a line of its own, and the lines take turns: a client that sends many handshakes waits behind its own, and no other does.
/// </summary>
/// <remarks>
/// A place is held while bytes are computed on and never while a client is waited for (<see cref="HandshakeTransport"/>). A waiter leaves by being given a
/// place, by its handshake's time-out, by the end of its connection, or when the queue is full and its line is the longest.
/// </remarks>
/// <param name="places">How many may compute.</param>
/// <param name="maxWaiting">How many may wait, in all lines together; each holds a ClientHello in memory.</param>
internal sealed class HandshakeQueue(int places, int maxWaiting)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, LinkedListNode<Line>> _lines = [];

    /// <summary>Those with waiters, the next one first.</summary>
    private readonly LinkedList<Line> _turns = [];

    /// <summary>While there is one nobody waits.</summary>
    private int _free = places;

    private int _waiting;

    /// <summary>Half of the cores: the other half is left to requests and to the app.</summary>
    public HandshakeQueue()
        : this(Math.Max(1, Environment.ProcessorCount / 2), maxWaiting: 1024)
    {
    }

    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>The clients that share a line: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer has.</summary>
    public static ulong BlockOf(EndPoint? client)
    {
        if (client is not IPEndPoint { Address: var address })
        {
            return 0;
        }

        Span<byte> bytes = stackalloc byte[16];
        address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        address.TryWriteBytes(bytes, out _);
        return address.AddressFamily == AddressFamily.InterNetwork ? MemoryMarshal.Read<uint>(bytes) : MemoryMarshal.Read<ulong>(bytes);
    }

    /// <summary>Waits for a place.</summary>
    /// <param name="block">The client's: <see cref="BlockOf"/>.</param>
    /// <param name="timeout">The handshake's.</param>
    /// <param name="closed">Ends with the connection: nothing is computed for a client that has left.</param>
    /// <returns>
    /// Whether there is one, to be given back with <see cref="Leave"/>. False: its line is the longest of a full queue, or the client is gone.
    /// </returns>
    /// <exception cref="OperationCanceledException">The handshake's time is up.</exception>
    public ValueTask<bool> EnterAsync(ulong block, CancellationToken timeout, CancellationToken closed)
    {
        if (closed.IsCancellationRequested)
        {
            return new(false);
        }

        Waiter waiter;
        Waiter? dropped = null;
        lock (_lock)
        {
            if (_free > 0)
            {
                _free--;
                return new(true);
            }

            if (_waiting >= maxWaiting)
            {
                dropped = DropFor(block);
                if (dropped is null)
                {
                    return new(false);
                }
            }

            waiter = Add(block);
        }

        dropped?.TrySetResult(false);
        return WaitAsync(waiter, timeout, closed);
    }

    /// <summary>Gives a place to the next, or back.</summary>
    public void Leave()
    {
        Waiter next;
        lock (_lock)
        {
            if (_turns.First is not { } turn)
            {
                _free++;
                return;
            }

            next = turn.Value.Waiters.First!.Value;
            Remove(next);
            if (turn.List is not null) // it has more: after all others
            {
                _turns.Remove(turn);
                _turns.AddLast(turn);
            }
        }

        next.TrySetResult(true);
    }

    private async ValueTask<bool> WaitAsync(Waiter waiter, CancellationToken timeout, CancellationToken closed)
    {
        await using var onTimeout = timeout.UnsafeRegister((waiter, token) => Withdraw((Waiter)waiter!, token), waiter);
        await using var onClosed = closed.UnsafeRegister(waiter => Withdraw((Waiter)waiter!, CancellationToken.None), waiter);
        return await waiter.Task;
    }

    private void Withdraw(Waiter waiter, CancellationToken token)
    {
        lock (_lock)
        {
            if (waiter.List is null)
            {
                return; // it has just been given a place, or dropped
            }

            Remove(waiter);
        }

        _ = token.IsCancellationRequested ? waiter.TrySetCanceled(token) : waiter.TrySetResult(false);
    }

    /// <summary>The last of the longest line makes room, unless that is the newcomer's own.</summary>
    /// <returns>Null: it is.</returns>
    private Waiter? DropFor(ulong block)
    {
        var longest = _turns.First!.Value;
        foreach (var line in _turns)
        {
            longest = line.Waiters.Count > longest.Waiters.Count ? line : longest;
        }

        var own = _lines.TryGetValue(block, out var node) ? node.Value.Waiters.Count : 0;
        if (longest.Waiters.Count <= own + 1)
        {
            return null;
        }

        var last = longest.Waiters.Last!.Value;
        Remove(last);
        return last;
    }

    private Waiter Add(ulong block)
    {
        if (!_lines.TryGetValue(block, out var node))
        {
            node = _turns.AddLast(new Line(block));
            _lines.Add(block, node);
        }

        var waiter = new Waiter();
        waiter.List = node;
        waiter.Place = node.Value.Waiters.AddLast(waiter);
        _waiting++;
        return waiter;
    }

    private void Remove(Waiter waiter)
    {
        var node = waiter.List!;
        waiter.List = null;
        node.Value.Waiters.Remove(waiter.Place!);
        _waiting--;
        if (node.Value.Waiters.Count == 0)
        {
            _turns.Remove(node);
            _lines.Remove(node.Value.Block);
        }
    }

    /// <summary>The waiters of one block of addresses, the oldest first. Exists while it has any.</summary>
    private sealed class Line(ulong block)
    {
        public ulong Block => block;

        public LinkedList<Waiter> Waiters { get; } = [];
    }

    /// <summary>Completed by the caller that takes it out of its line, outside of the lock.</summary>
    private sealed class Waiter() : TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        /// <summary>Its line in the list of lines; null: it waits no more.</summary>
        public LinkedListNode<Line>? List { get; set; }

        public LinkedListNode<Waiter>? Place { get; set; }
    }
}
