namespace EdgeProxy.Tls.Acme;

/// <summary>The callers that want an attempt now, and wait for its end.</summary>
internal sealed class AttemptRequests
{
    private readonly Lock _changing = new();

    /// <remarks>Both change under <see cref="_changing"/>.</remarks>
    private TaskCompletionSource _asked = New();
    private TaskCompletionSource<string?> _ended = New<string?>();

    /// <summary>Completes when somebody asks.</summary>
    public Task Asked
    {
        get
        {
            lock (_changing)
            {
                return _asked.Task;
            }
        }
    }

    /// <summary>Asks for an attempt, or joins the one that runs.</summary>
    /// <returns>Completes with it: null, or why it failed.</returns>
    public Task<string?> Ask()
    {
        lock (_changing)
        {
            _asked.TrySetResult();
            return _ended.Task;
        }
    }

    /// <summary>An attempt has ended: tells all callers, also those that have asked during it. Later calls mean the next one.</summary>
    public void Complete(string? error)
    {
        TaskCompletionSource<string?> ended;
        lock (_changing)
        {
            ended = _ended;
            (_asked, _ended) = (New(), New<string?>());
        }

        ended.SetResult(error);
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static TaskCompletionSource<T> New<T>() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
