using System.Net;
using EdgeProxy.Clients;
using EdgeProxy.Proxying.RateLimiting;

namespace EdgeProxy.Tests.Proxying.RateLimiting;

public sealed class RecentClientsTests
{
    [Fact]
    public void As_many_clients_as_there_may_be_are_known_and_one_that_keeps_coming_stays()
    {
        var clients = new RecentClients<object>(100, () => new());
        var regular = clients.Get(KeyOf(0));
        for (var i = 1; i < 100_000; i++)
        {
            clients.Get(KeyOf(i));
            Assert.InRange(clients.Count, 2, 100);
            if (i % 40 == 0)
            {
                Assert.Same(regular, clients.Get(KeyOf(0)));
            }
        }
    }

    [Fact]
    public void A_client_that_has_not_come_for_long_begins_anew()
    {
        var clients = new RecentClients<object>(100, () => new());
        var before = clients.Get(KeyOf(0));
        for (var i = 1; i <= 150; i++)
        {
            clients.Get(KeyOf(i));
        }

        Assert.NotSame(before, clients.Get(KeyOf(0)));
    }

    [Fact]
    public void Threads_that_ask_for_one_client_get_the_same()
    {
        var clients = new RecentClients<object>(100, () => new());
        for (var round = 0; round < 1000; round++)
        {
            var seen = new object[4];
            Parallel.For(0, seen.Length, i => seen[i] = clients.Get(KeyOf(round)));
            Assert.All(seen, one => Assert.Same(seen[0], one));
        }
    }

    private static ClientKey KeyOf(int number) => ClientKey.Of(new IPAddress([10, (byte)(number >> 16), (byte)(number >> 8), (byte)number]))!.Value;
}
