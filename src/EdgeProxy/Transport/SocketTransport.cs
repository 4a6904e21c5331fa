using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.ObjectPool;

namespace EdgeProxy.Transport;

/// <summary>The sockets of clients, in place of Kestrel's own transport: what was received reaches the reader however the connection ends
/// (docs/adr/0046).</summary>
internal sealed class SocketTransport(IMemoryPoolFactory<byte> buffers, ILogger<SocketTransport> log, TimeProvider time)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    /// <summary>Connections that wait to be accepted; the kernel takes the less of it and <c>net.core.somaxconn</c>.</summary>
    private const int Backlog = 4096;

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint or UnixDomainSocketEndPoint or FileHandleEndPoint;

    /// <param name="endpoint">A descriptor; it stays open.</param>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        // Disposing a socket that does not own its descriptor ends the wait for clients, and nothing that other processes do with it.
        var socket = new Socket(new SafeSocketHandle((nint)((FileHandleEndPoint)endpoint).FileHandle, ownsHandle: false));
        socket.Listen(Backlog);
        return new(new Listener(socket, buffers, log, time));
    }

    private sealed class Listener(Socket listening, IMemoryPoolFactory<byte> buffers, ILogger log, TimeProvider time) : IConnectionListener
    {
        /// <summary>While the process may open no more files.</summary>
        private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(50);

        /// <summary>Connections take turns at them, so that few wait for one pool's lock.</summary>
        private readonly SocketResources[] _resources =
            [.. Enumerable.Range(0, Math.Min(Environment.ProcessorCount, 16)).Select(_ => new SocketResources(buffers.Create()))];

        private int _next;

        public EndPoint EndPoint { get; } = listening.LocalEndPoint!;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (true)
            {
                try
                {
                    var socket = await listening.AcceptAsync(CancellationToken.None);
                    if (EndPoint is IPEndPoint)
                    {
                        socket.NoDelay = true;
                    }

                    _next = (_next + 1) % _resources.Length;
                    var connection = new SocketConnection(socket, _resources[_next], log);
                    connection.Start();
                    return connection;
                }
                catch (ObjectDisposedException)
                {
                    return null; // unbound
                }
                catch (SocketException ended) when (ended.SocketErrorCode == SocketError.OperationAborted)
                {
                    return null; // unbound
                }
                catch (SocketException full) when (full.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
                {
                    await Task.Delay(_pause, time, CancellationToken.None);
                }
                catch (SocketException)
                {
                    // The client has left before it was accepted.
                }
            }
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            listening.Dispose();
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync()
        {
            listening.Dispose();
            foreach (var resources in _resources)
            {
                resources.Memory.Dispose();
            }

            return ValueTask.CompletedTask;
        }
    }
}

/// <summary>What connections share.</summary>
internal sealed class SocketResources(MemoryPool<byte> memory)
{
    /// <summary>Received and not read yet: then the client's kernel has to wait.</summary>
    private const int MaxReceived = 1024 * 1024;

    /// <summary>Written and not sent yet: then the writer has to wait.</summary>
    private const int MaxUnsent = 64 * 1024;

    public MemoryPool<byte> Memory => memory;

    /// <summary>Operations that send: a connection needs one only while it does.</summary>
    public ObjectPool<SocketOperation> Senders { get; } = new DefaultObjectPool<SocketOperation>(new DefaultPooledObjectPolicy<SocketOperation>(), 1024);

    public PipeOptions Input { get; } =
        new(memory, PipeScheduler.ThreadPool, PipeScheduler.ThreadPool, MaxReceived, MaxReceived / 2, useSynchronizationContext: false);

    /// <summary>Who writes also sends: that waits for nothing, the kernel takes it or not.</summary>
    public PipeOptions Output { get; } =
        new(memory, PipeScheduler.Inline, PipeScheduler.ThreadPool, MaxUnsent, MaxUnsent / 2, useSynchronizationContext: false);
}
