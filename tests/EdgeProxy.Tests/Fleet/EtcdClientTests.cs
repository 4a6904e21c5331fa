using System.Threading.Channels;
using EdgeProxy.Fleet;
using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Tests.Support;
using Grpc.Core;
using Xunit.Sdk;

namespace EdgeProxy.Tests.Fleet;

/// <summary>The client before real members of etcd: one that answers, and three of which one is killed, silent or alone.</summary>
public sealed class EtcdClientTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_transaction_is_done_where_its_compares_hold_and_not_at_all_where_one_does_not()
    {
        await using var etcd = await EtcdCluster.StartAsync();
        using var client = new EtcdClient(etcd.Options, TimeProvider.System);

        Assert.True(await client.CommitAsync([Transaction.IsAbsent("/t/a")], [Transaction.Put("/t/a", "1"), Transaction.Put("/t/b", "2")], Cancellation));
        Assert.False(await client.CommitAsync([Transaction.IsAbsent("/t/a")], [Transaction.Put("/t/b", "3")], Cancellation));

        var all = await client.ReadAsync("/t/", Cancellation);
        Assert.Equal([("/t/a", "1"), ("/t/b", "2")], all.Keys.Select(key => (key.Name, key.Value)));
        Assert.True(await client.CommitAsync([Transaction.IsAt("/t/a", all.Keys[0].Revision)], [Transaction.Delete("/t/b")], Cancellation));
        Assert.Null(await client.FindAsync("/t/b", Cancellation));
        Assert.True(await client.CommitAsync([Transaction.IsPresent("/t/a")], [], Cancellation));
    }

    [Fact]
    public async Task A_range_that_has_got_a_key_since_it_was_read_is_not_unchanged()
    {
        await using var etcd = await EtcdCluster.StartAsync();
        using var client = new EtcdClient(etcd.Options, TimeProvider.System);
        await client.CommitAsync([], [Transaction.Put("/t/alive/a", "1")], Cancellation);
        var seen = (await client.ReadAsync("/t/", Cancellation)).Revision;
        Assert.True(await client.CommitAsync([Transaction.IsUnchanged("/t/alive/", seen)], [Transaction.Put("/t/x", "1")], Cancellation));

        await client.CommitAsync([], [Transaction.Put("/t/alive/b", "1")], Cancellation);

        Assert.False(await client.CommitAsync([Transaction.IsUnchanged("/t/alive/", seen)], [Transaction.Put("/t/x", "2")], Cancellation));
    }

    [Fact]
    public async Task Keys_of_a_lease_are_gone_with_it()
    {
        await using var etcd = await EtcdCluster.StartAsync();
        using var client = new EtcdClient(etcd.Options, TimeProvider.System);
        var lease = await client.GrantAsync(TimeSpan.FromSeconds(30), Cancellation);
        await client.CommitAsync([], [Transaction.Put("/t/a", "1", lease)], Cancellation);
        Assert.True(await client.CommitAsync([Transaction.HasLease("/t/a", lease)], [], Cancellation));
        Assert.True(await client.KeepAliveAsync(lease, Cancellation));

        await client.RevokeAsync(lease, Cancellation);
        await client.RevokeAsync(lease, Cancellation); // gone already

        Assert.Null(await client.FindAsync("/t/a", Cancellation));
        Assert.False(await client.KeepAliveAsync(lease, Cancellation));
    }

    [Fact]
    public async Task A_watch_begins_at_a_revision_and_says_what_is_compacted()
    {
        await using var etcd = await EtcdCluster.StartAsync();
        using var client = new EtcdClient(etcd.Options, TimeProvider.System);
        await client.CommitAsync([], [Transaction.Put("/t/a", "1")], Cancellation);
        var first = (await client.ReadAsync("/t/", Cancellation)).Revision;
        await client.CommitAsync([], [Transaction.Put("/t/a", "2"), Transaction.Put("/t/b", "1")], Cancellation);
        await client.CommitAsync([], [Transaction.Delete("/t/a")], Cancellation);

        var changes = await TakeAsync(client.WatchAsync("/t/", first, Cancellation), 4).Within();

        Assert.Equal(
            [("/t/a", false, "1"), ("/t/a", false, "2"), ("/t/b", false, "1"), ("/t/a", true, "")],
            changes.Select(change => (change.Key.Name, change.IsDeleted, change.Key.Value)));

        await etcd.CtlAsync("compact", $"{first + 2}");
        var lost = await Assert.ThrowsAsync<EtcdException>(() => TakeAsync(client.WatchAsync("/t/", first, Cancellation), 1)).Within();
        Assert.Equal(StatusCode.OutOfRange, lost.Status);
    }

    /// <summary>Killed members close their connections; frozen ones are silent, which is the harder case.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Reads_and_the_watch_leave_a_member_that_is_gone(bool isSilent)
    {
        await using var etcd = await EtcdCluster.StartAsync(members: 3);
        for (var member = 0; member < 3; member++)
        {
            // the order begins at random: the first read goes to the member that is to be lost
            using var client = new EtcdClient(new EtcdOptions { Endpoints = [etcd.Endpoints[member]] }, TimeProvider.System);
            Assert.NotNull(await client.ReadAsync("/t/", Cancellation));
        }

        using var all = new EtcdClient(etcd.Options, TimeProvider.System);
        var revision = (await all.ReadAsync("/t/", Cancellation)).Revision;
        var seen = Channel.CreateUnbounded<string>();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var watching = WatchForeverAsync(all, revision + 1, seen.Writer, over.Token);
        for (var member = 0; member < 3; member++)
        {
            if (isSilent)
            {
                await etcd.FreezeAsync(member);
            }
            else
            {
                etcd.Kill(member);
            }

            var value = $"without {member}";
            await Eventually.TrueAsync(async () => await TryPutAsync(all, value), value);
            Assert.Equal(value, await ReadToAsync(seen.Reader, value).Within());
            if (isSilent)
            {
                await etcd.ThawAsync(member);
            }
            else
            {
                etcd.Start(member);
            }

            await etcd.WaitAsync();
            await Eventually.TrueAsync(async () => await TryPutAsync(all, "all"), "a quorum");
        }

        await over.CancelAsync();
        await watching.Within();
    }

    [Fact]
    public async Task Without_a_quorum_nothing_is_read_and_nothing_is_done()
    {
        await using var etcd = await EtcdCluster.StartAsync(members: 3);
        using var client = new EtcdClient(etcd.Options, TimeProvider.System);
        await client.CommitAsync([], [Transaction.Put("/t/a", "1")], Cancellation);

        etcd.Kill(0);
        etcd.Kill(1);

        var read = await Assert.ThrowsAsync<EtcdException>(() => client.ReadAsync("/t/", Cancellation)).Within();
        Assert.True(read.IsOfEndpoint, read.Message);
        await Assert.ThrowsAsync<EtcdException>(() => client.CommitAsync([], [Transaction.Put("/t/a", "2")], Cancellation)).Within();
        etcd.Start(0);
        await etcd.WaitAsync();
        await Eventually.TrueAsync(async () => await TryPutAsync(client, "3"), "it goes on with a quorum");
    }

    private static async Task<bool> TryPutAsync(EtcdClient client, string value)
    {
        try
        {
            return await client.CommitAsync([], [Transaction.Put("/t/a", value)], Cancellation);
        }
        catch (EtcdException)
        {
            return false;
        }
    }

    private static async Task WatchForeverAsync(EtcdClient client, long from, ChannelWriter<string> seen, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            try
            {
                await foreach (var changes in client.WatchAsync("/t/", from, over))
                {
                    from = changes.Revision + 1;
                    foreach (var change in changes.Changes)
                    {
                        await seen.WriteAsync(change.Key.Value, over);
                    }
                }
            }
            catch (Exception e) when (e is EtcdException or OperationCanceledException)
            {
                // Begun anew behind what was seen.
            }
        }
    }

    private static async Task<string> ReadToAsync(ChannelReader<string> seen, string value)
    {
        await foreach (var one in seen.ReadAllAsync(Cancellation))
        {
            if (one == value)
            {
                return one;
            }
        }

        throw new XunitException("the watch has ended");
    }

    private static async Task<List<EtcdChange>> TakeAsync(IAsyncEnumerable<EtcdChanges> watch, int count)
    {
        var taken = new List<EtcdChange>();
        await foreach (var changes in watch)
        {
            taken.AddRange(changes.Changes);
            if (taken.Count >= count)
            {
                break;
            }
        }

        return taken;
    }
}
