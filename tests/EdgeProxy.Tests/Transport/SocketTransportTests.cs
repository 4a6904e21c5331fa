using System.Net;
using System.Net.Sockets;
using EdgeProxy.Hosting;
using EdgeProxy.Tests.Support;
using EdgeProxy.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;

namespace EdgeProxy.Tests.Transport;

/// <summary>How a connection of a client ends for the server that reads and writes it.</summary>
public sealed class SocketTransportTests : IAsyncDisposable
{
    private readonly Socket _listening = new(SocketType.Stream, ProtocolType.Tcp);
    private IConnectionListener? _listener;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await (_listener?.DisposeAsync() ?? default);
        _listening.Dispose();
    }

    /// <summary>An exception of a write is for the server an error of its own, which it logs with a stack trace.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_write_that_waits_for_a_client_ends_without_an_error(bool isAborted)
    {
        var (client, server) = await ConnectAsync();
        await using var owned = server;
        var write = WriteUntilItEndsAsync(server);

        if (isAborted)
        {
            server.Abort(new ConnectionAbortedException());
        }
        else
        {
            client.LingerState = new LingerOption(enable: true, seconds: 0);
            client.Dispose();
        }

        await Eventually.TrueAsync(() => server.ConnectionClosed.IsCancellationRequested, "it is told");
        await server.Transport.Input.CompleteAsync();
        await write.Within();
        client.Dispose();
    }

    [Fact]
    public async Task What_was_sent_before_a_reset_is_read_before_the_reset()
    {
        var (client, server) = await ConnectAsync();
        await using var owned = server;
        await client.SendAsync("last words"u8.ToArray(), Cancellation);
        client.LingerState = new LingerOption(enable: true, seconds: 0);
        client.Dispose();
        await Eventually.TrueAsync(() => server.ConnectionClosed.IsCancellationRequested, "it is told");

        var read = await server.Transport.Input.ReadAsync(Cancellation);
        Assert.Equal(10, read.Buffer.Length);
        Assert.False(read.IsCompleted);
        server.Transport.Input.AdvanceTo(read.Buffer.End);
        await Assert.ThrowsAsync<ConnectionResetException>(async () => await server.Transport.Input.ReadAsync(Cancellation));
    }

    private async Task<(Socket Client, ConnectionContext Server)> ConnectAsync()
    {
        _listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var transport = new SocketTransport(new SocketBuffers(), NullLogger<SocketTransport>.Instance, TimeProvider.System);
        _listener = await transport.BindAsync(new FileHandleEndPoint((ulong)_listening.Handle, FileHandleType.Tcp), Cancellation);
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(_listening.LocalEndPoint!, Cancellation);
        return (client, (await _listener.AcceptAsync(Cancellation))!);
    }

    /// <summary>More than the kernels take.</summary>
    private static async Task WriteUntilItEndsAsync(ConnectionContext server)
    {
        var bytes = new byte[64 * 1024];
        for (var i = 0; i < 10_000 && !server.ConnectionClosed.IsCancellationRequested; i++)
        {
            var flushed = await server.Transport.Output.WriteAsync(bytes, Cancellation);
            if (flushed.IsCompleted)
            {
                return;
            }
        }
    }
}
