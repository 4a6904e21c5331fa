using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text.Json;
using EdgeProxy.Common;

namespace EdgeProxy.Handover;

/// <summary>A socket between two processes: messages, a line each. Its end says that the other process has ended.</summary>
/// <remarks>Never thrown at: a message that cannot be sent has nobody to read it, which the next read tells.</remarks>
internal sealed class HandoverChannel : IDisposable
{
    private readonly Socket _socket;
    private readonly StreamReader _reader;

    /// <param name="descriptor">One end; the channel's own from now on.</param>
    public HandoverChannel(int descriptor)
    {
        Descriptor = descriptor;
        _socket = new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
        _reader = new StreamReader(new NetworkStream(_socket, ownsSocket: false));
    }

    public int Descriptor { get; }

    /// <summary>The process that has made the channel, which is the one at its other end. 0: not known.</summary>
    public int PeerPid
    {
        get
        {
            Span<byte> credentials = stackalloc byte[12]; // struct ucred
            const int SocketLevel = 1; // SOL_SOCKET, SO_PEERCRED: unix(7)
            const int PeerCredentials = 17;
            return _socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials) == credentials.Length
                ? BinaryPrimitives.ReadInt32LittleEndian(credentials)
                : 0;
        }
    }

    public async Task SendAsync(HandoverMessage message)
    {
        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(message, HandoverJson.Default.HandoverMessage), (byte)'\n'];
        try
        {
            await _socket.SendAsync(line);
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
        }
    }

    /// <returns>Null: the other process has ended, or does not speak this language.</returns>
    /// <exception cref="OperationCanceledException">By the token.</exception>
    public async Task<HandoverMessage?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _reader.ReadLineAsync(cancellationToken) is { } line
                ? JsonSerializer.Deserialize(line, HandoverJson.Default.HandoverMessage)
                : null;
        }
        catch (Exception gone) when (gone is IOException or SocketException or ObjectDisposedException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Reads a message, and waits for it for a limited time.</summary>
    /// <returns>Also null: nothing came.</returns>
    public async Task<HandoverMessage?> ReadAsync(TimeSpan patience, TimeProvider time, CancellationToken cancellationToken)
    {
        using var deadline = new Deadline(patience, time, cancellationToken);
        try
        {
            return await ReadAsync(deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _socket.Dispose();
    }
}
