using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Tests.Hosting;

public sealed class SocketBuffersTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_a_visitor_sends_lies_in_blocks_larger_than_Kestrels_own()
    {
        const int Length = 12 * 1024; // three of those
        await using var proxy = await DataPlane.StartAsync("http://127.0.0.1:1", "http://127.0.0.1:2");
        await using var listener = await proxy.Get<IConnectionListenerFactory>().BindAsync(new IPEndPoint(IPAddress.Loopback, 0), Cancellation);
        using var visitor = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await visitor.ConnectAsync(listener.EndPoint, Cancellation);
        await using var connection = (await listener.AcceptAsync(Cancellation))!;

        await visitor.SendAsync(new byte[Length], Cancellation);
        var read = await connection.Transport.Input.ReadAtLeastAsync(Length, Cancellation);

        Assert.Equal(Length, read.Buffer.Length);
        Assert.True(read.Buffer.IsSingleSegment);
        connection.Transport.Input.AdvanceTo(read.Buffer.End);
    }
}
