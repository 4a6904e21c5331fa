namespace EdgeProxy.Units.Systemd;

/// <summary>What to call. Every call that this product makes takes strings only.</summary>
internal readonly record struct SdBusCall(string Destination, string Path, string Interface, string Member, params string[] Arguments);

/// <summary>A call on its way: queued, or sent and waiting for its reply. Ends once, by <see cref="Complete"/> or <see cref="Fail"/>.</summary>
/// <param name="call">The method.</param>
/// <param name="room">Released at the end: it bounds the calls that are on their way.</param>
internal abstract class PendingCall(SdBusCall call, SemaphoreSlim room)
{
    public SdBusCall Call { get; } = call;

    public void Complete(SdBusMessage reply)
    {
        SetResult(reply);
        room.Release();
    }

    public void Fail(Exception reason)
    {
        SetException(reason);
        room.Release();
    }

    protected abstract void SetResult(SdBusMessage reply);

    protected abstract void SetException(Exception reason);
}

/// <inheritdoc/>
internal sealed class PendingCall<T>(SdBusCall call, Func<SdBusMessage, T> decode, SemaphoreSlim room) : PendingCall(call, room)
{
    private readonly TaskCompletionSource<T> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Result => _result.Task;

    /// <summary>Hands out what <c>decode</c> makes of the reply. What it throws is the caller's too, never the connection's.</summary>
    protected override void SetResult(SdBusMessage reply)
    {
        try
        {
            _result.TrySetResult(decode(reply));
        }
        catch (Exception e)
        {
            _result.TrySetException(e);
        }
    }

    protected override void SetException(Exception reason) => _result.TrySetException(reason);
}
