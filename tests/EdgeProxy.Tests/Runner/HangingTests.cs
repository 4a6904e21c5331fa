namespace EdgeProxy.Tests.Runner;

/// <summary>Tests that hang: <see cref="BoundedTestFrameworkTests"/> runs them in a process of their own. Explicit: nothing else finds them.</summary>
public sealed class HangingTests
{
    [Fact(Explicit = true)]
    public Task Waits_for_what_never_comes() => new TaskCompletionSource().Task;

    [Fact(Explicit = true)]
    public void Blocks_its_thread()
    {
        using var never = new ManualResetEventSlim();
#pragma warning disable xUnit1051 // that is the point
        never.Wait();
#pragma warning restore xUnit1051
    }

    [Fact(Explicit = true)]
    public void Does_not_hang() => Assert.Equal(2, int.Parse("2", System.Globalization.CultureInfo.InvariantCulture));
}

/// <summary>A fixture that hangs, which no time-out of xUnit's covers.</summary>
public sealed class HangingFixtureTests(HangingFixtureTests.Fixture fixture) : IClassFixture<HangingFixtureTests.Fixture>
{
    [Fact(Explicit = true)]
    public void Is_never_reached() => Assert.Null(fixture);

    public sealed class Fixture : IAsyncLifetime
    {
        public ValueTask InitializeAsync() => new(new TaskCompletionSource().Task);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

/// <summary>All tests pass, and a thread that is left over keeps the process from ending.</summary>
public sealed class LeftoverThreadTests
{
    [Fact(Explicit = true)]
    public void Leaves_a_thread_behind()
    {
        var thread = new Thread(() => new ManualResetEventSlim().Wait(CancellationToken.None));
        thread.Start();
        Assert.False(thread.IsBackground);
    }
}
