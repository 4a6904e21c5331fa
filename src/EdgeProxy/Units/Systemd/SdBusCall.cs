namespace EdgeProxy.Units.Systemd;

/// <summary>What to call. Every call that this product makes takes strings only.</summary>
internal readonly record struct SdBusCall(string Destination, string Path, string Interface, string Member, params string[] Arguments);

/// <summary>A call on its way: queued, or sent and waiting for its reply.</summary>
internal abstract class PendingCall(SdBusCall call)
{
    public SdBusCall Call { get; } = call;

    public abstract void Complete(SdBusMessage reply);

    public abstract void Fail(Exception reason);
}

/// <inheritdoc/>
internal sealed class PendingCall<T>(SdBusCall call, Func<SdBusMessage, T> decode) : PendingCall(call)
{
    private readonly TaskCompletionSource<T> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Result => _result.Task;

    /// <summary>Hands out what <c>decode</c> makes of the reply. What it throws is the caller's too, never the connection's.</summary>
    public override void Complete(SdBusMessage reply)
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

    public override void Fail(Exception reason) => _result.TrySetException(reason);
}
