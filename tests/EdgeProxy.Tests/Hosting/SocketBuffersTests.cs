using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using EdgeProxy.Hosting;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Tests.Hosting;

public sealed class SocketBuffersTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_a_client_sends_lies_in_blocks_larger_than_Kestrels_own()
    {
        const int Length = 12 * 1024; // three of those
        await using var proxy = await DataPlane.StartAsync("http://127.0.0.1:1", "http://127.0.0.1:2");
        await using var listener = await proxy.Get<IConnectionListenerFactory>().BindAsync(new IPEndPoint(IPAddress.Loopback, 0), Cancellation);
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.EndPoint, Cancellation);
        await using var connection = (await listener.AcceptAsync(Cancellation).Within())!;

        await client.SendAsync(new byte[Length], Cancellation);
        var read = await connection.Transport.Input.ReadAtLeastAsync(Length, Cancellation).Within();

        Assert.Equal(Length, read.Buffer.Length);
        Assert.True(read.Buffer.IsSingleSegment);
        connection.Transport.Input.AdvanceTo(read.Buffer.End);
    }

    [Fact]
    public void The_block_that_came_back_last_is_given_out_first()
    {
        using var pool = new SocketBuffers().Create();
        var (first, second) = (pool.Rent(), pool.Rent());

        first.Dispose();
        second.Dispose();

        Assert.Same(second, pool.Rent());
        Assert.Same(first, pool.Rent());
    }

    [Fact]
    public void A_block_that_is_returned_twice_is_not_given_to_two()
    {
        using var pool = new SocketBuffers().Create();
        var block = pool.Rent();

        block.Dispose();
        block.Dispose();

        Assert.Same(block, pool.Rent());
        Assert.NotSame(block, pool.Rent());
    }

    [Fact]
    public void No_more_blocks_are_kept_than_the_limit_says()
    {
        using var pool = new SocketBuffers().Create();
        var before = Enumerable.Range(0, SocketBuffers.MostKept + 10).Select(_ => pool.Rent()).ToHashSet();
        foreach (var block in before)
        {
            block.Dispose();
        }

        var after = Enumerable.Range(0, SocketBuffers.MostKept + 10).Select(_ => pool.Rent()).ToList();

        Assert.Equal(SocketBuffers.MostKept, after.Count(before.Contains));
        Assert.Equal(after.Count, after.Distinct().Count());
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(SocketBuffers.BlockSize)]
    [InlineData(SocketBuffers.BlockSize + 1)]
    public void A_caller_gets_at_least_the_size_that_it_asks_for(int size)
    {
        using var pool = new SocketBuffers().Create();
        using var block = pool.Rent(size);

        Assert.True(block.Memory.Length >= Math.Max(size, SocketBuffers.BlockSize));
    }

    [Fact]
    public async Task Blocks_that_many_take_and_return_at_once_are_never_with_two_of_them()
    {
        using var pool = new SocketBuffers().Create();
        var held = new ConcurrentDictionary<IMemoryOwner<byte>, byte>();

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                var block = pool.Rent();
                Assert.True(held.TryAdd(block, 0), "somebody else has it");
                Assert.True(held.TryRemove(block, out var _));
                block.Dispose();
            }
        }, Cancellation)));
    }
}
