using EdgeProxy.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Hosting;

public sealed class StartGarbageTests
{
    private readonly FakeTimeProvider _time = new();
    private int _collections;

    [Fact]
    public async Task Is_collected_once_some_time_after_the_start()
    {
        using var garbage = new StartGarbage(() => _collections++, _time);
        await garbage.StartedAsync(TestContext.Current.CancellationToken);

        _time.Advance(StartGarbage.Delay - TimeSpan.FromTicks(1));
        Assert.Equal(0, _collections);

        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(1, _collections);

        _time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(1, _collections);
    }

    [Fact]
    public async Task Is_left_where_the_proxy_stops_before()
    {
        using var garbage = new StartGarbage(() => _collections++, _time);
        await garbage.StartedAsync(TestContext.Current.CancellationToken);
        await garbage.StoppingAsync(TestContext.Current.CancellationToken);

        _time.Advance(StartGarbage.Delay);

        Assert.Equal(0, _collections);
    }

    [Fact]
    public void What_nothing_refers_to_is_gone()
    {
        var forgotten = Forget();

        StartGarbage.Release();

        Assert.False(forgotten.IsAlive);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static WeakReference Forget() => new(new byte[1000]);
}
