using System.Net;
using System.Net.Sockets;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Slots;

public sealed class SlotAddressTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("http://127.0.0.1:8000", "127.0.0.1:8000", true)]
    [InlineData("http://localhost:8000", "0.0.0.0:8000", true)]
    [InlineData("http://127.0.0.1:8000", "[::]:8000", true)]
    [InlineData("http://[::1]:8000", "[::]:8000", true)]
    [InlineData("http://[::1]:8000", "0.0.0.0:8000", false)]
    [InlineData("http://127.0.0.1:8000", "127.0.0.1:8100", false)]
    [InlineData("http://127.0.0.1:8000", "127.0.0.2:8000", false)]
    [InlineData("http://192.0.2.1:8000", "0.0.0.0:8000", false)] // another machine, for all that is known
    [InlineData("http://app:8000", "0.0.0.0:8000", false)]
    public void It_is_reached_where_somebody_listens_on_it_or_on_all_addresses(string address, string listening, bool reached)
    {
        Assert.True(SlotAddress.TryParse(address, out var slot));
        Assert.Equal(reached, slot.IsReachedAt(IPEndPoint.Parse(listening)));
    }

    [Fact]
    public void A_Unix_socket_is_reached_at_its_path()
    {
        Assert.True(SlotAddress.TryParse("unix:/run/app.sock", out var slot));
        Assert.True(slot.IsReachedAt(new UnixDomainSocketEndPoint("/run/app.sock")));
        Assert.False(slot.IsReachedAt(new UnixDomainSocketEndPoint("/run/other.sock")));
    }

    /// <summary>
    /// Nobody listens on a port out of those that callers get: sooner or later the kernel gives that one to the call, which then reaches itself. It chooses by
    /// chance among 14,116 (Linux keeps the odd ones for who listens): without the look at both ends this fails seven times out of eight.
    /// </summary>
    [Fact]
    public async Task A_connection_never_reaches_its_own_end()
    {
        Assert.True(SlotAddress.TryParse($"http://127.0.0.1:{EvenPortOfCallers()}", out var address));
        for (var i = 0; i < 30_000; i++)
        {
            await Assert.ThrowsAsync<SocketException>(async () => await address.ConnectAsync(TimeSpan.FromSeconds(20), TimeProvider.System, Cancellation));
        }
    }

    private static int EvenPortOfCallers()
    {
        using var odd = new TcpListener(IPAddress.Loopback, 0);
        odd.Start();
        return ((IPEndPoint)odd.LocalEndpoint).Port & ~1;
    }

    /// <summary>A request that finds its connection reset has not been sent: it is held, as one that was refused, and does not get 502. HttpClient looks
    /// at the connection's peer, and must find it known.</summary>
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
                socket = await address.ConnectAsync(TimeSpan.FromSeconds(20), TimeProvider.System, Cancellation);
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
