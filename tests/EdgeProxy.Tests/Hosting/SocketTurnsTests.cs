using EdgeProxy.Hosting;

namespace EdgeProxy.Tests.Hosting;

/// <summary>When the threads that wait for sockets let others finish first.</summary>
public sealed class SocketTurnsTests
{
    private static readonly TimeSpan ShortWaits = TimeSpan.FromMilliseconds(200);
    private readonly SocketTurns _turns = new();

    [Fact]
    public void Under_much_load_alone()
    {
        Assert.False(After(turns: 1_000, ShortWaits));
        Assert.True(After(turns: 9_000, ShortWaits));
        Assert.True(After(turns: 500, ShortWaits)); // the same load, in fewer turns
        Assert.False(After(turns: 100, TimeSpan.Zero));
        Assert.True(After(turns: 9_000, ShortWaits));
    }

    [Fact]
    public void Not_where_something_else_keeps_all_cores_busy()
    {
        Assert.True(After(turns: 9_000, ShortWaits));
        Assert.False(After(turns: 400, TimeSpan.FromMilliseconds(900)));
        for (var second = 0; second < 60; second++)
        {
            Assert.False(After(turns: 9_000, ShortWaits));
        }

        Assert.True(After(turns: 9_000, ShortWaits)); // tried again
    }

    private bool After(long turns, TimeSpan waited)
    {
        _turns.Decide(turns, waited);
        return _turns.LetOthersFinish;
    }
}
