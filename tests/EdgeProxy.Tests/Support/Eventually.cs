namespace EdgeProxy.Tests.Support;

/// <summary>Waits for what a real process or socket does in its own time. The one place where a test waits.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(20);

    /// <summary>Far above what anything here takes, so that a busy machine does not fail a test.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static Task TrueAsync(Func<bool> condition, string what, TimeSpan? patience = null) => TrueAsync(() => Task.FromResult(condition()), what, patience);

    /// <summary>Returns as soon as the condition holds; fails the test when it does not.</summary>
    /// <param name="condition">Asked again and again.</param>
    /// <param name="what">For the message of the failure.</param>
    /// <param name="patience">For what takes long by design; null: <see cref="Patience"/>.</param>
    public static async Task TrueAsync(Func<Task<bool>> condition, string what, TimeSpan? patience = null)
    {
        var limit = patience ?? Patience;
        var start = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < limit, $"not within {limit}: {what}");
            await Task.Delay(Step, TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }
}
