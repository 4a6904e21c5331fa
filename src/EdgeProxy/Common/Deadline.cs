namespace EdgeProxy.Common;

/// <summary>A token that is cancelled when a time has passed, or with one of others. Owned by the code that waits, which disposes it.</summary>
internal sealed class Deadline : IDisposable
{
    private readonly CancellationTokenSource _timer;
    private readonly CancellationTokenSource _any;

    /// <param name="wait">From now; zero: it has passed; infinite: it never does.</param>
    /// <param name="time">The clock.</param>
    /// <param name="others">What ends the wait earlier.</param>
    public Deadline(TimeSpan wait, TimeProvider time, params ReadOnlySpan<CancellationToken> others)
    {
        _timer = new CancellationTokenSource(wait, time);
        _any = CancellationTokenSource.CreateLinkedTokenSource([_timer.Token, .. others]);
    }

    public CancellationToken Token => _any.Token;

    /// <summary>The time has passed.</summary>
    public bool HasPassed => _timer.IsCancellationRequested;

    /// <summary>Cancels the token now, without the time having passed, and waits until all who listen to it have been told.</summary>
    public Task CancelAsync() => _any.CancelAsync();

    public void Dispose()
    {
        _any.Dispose();
        _timer.Dispose();
    }
}
