using System.Net.Sockets;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Slots;

public sealed class SlotAddressTests
{
    /// <summary>A request that finds its connection reset has not been sent: it is held, as one that was refused, and not answered with 502. HttpClient looks at the connection's peer, and must find it known.</summary>
    [Fact]
    public async Task A_connection_that_is_reset_at_once_fails_to_connect_or_is_there_to_look_at()
    {
        using var server = new ResettingServer();
        Assert.True(SlotAddress.TryParse(server.Address, out var address));
        for (var i = 0; i < 500; i++)
        {
            Socket? socket = null;
            try
            {
                socket = await address.ConnectAsync(TimeSpan.FromSeconds(20), TimeProvider.System, TestContext.Current.CancellationToken);
            }
            catch (SocketException)
            {
                continue;
            }

            await Task.Yield();
            Assert.NotNull(socket.RemoteEndPoint);
            socket.Dispose();
        }
    }
}
