using EdgeProxy.Switching.Records;

namespace EdgeProxy.Tests.Support;

/// <summary>What a store on another machine would be, without the machine.</summary>
internal sealed class SharedStore : IActiveSlotStore
{
    private readonly Lock _lock = new();
    private TaskCompletionSource _changed = NewSignal();
    private int _number;

    public ActiveSlot? Value { get; private set; }

    public string? Revision => _number == 0 ? null : $"r{_number}";

    public async ValueTask<StoredActiveSlot> ReadAsync(CancellationToken cancellationToken)
    {
        await Task.Yield();
        lock (_lock)
        {
            return new(Value, Revision, null);
        }
    }

    public async ValueTask<string?> TryReplaceAsync(string? seen, ActiveSlot next)
    {
        await Task.Yield();
        lock (_lock)
        {
            if (seen != Revision)
            {
                return null;
            }

            (Value, _number) = (next, _number + 1);
            _changed.TrySetResult();
            _changed = NewSignal();
            return Revision;
        }
    }

    public Task WaitForChangeAsync(string? seen, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return seen == Revision ? _changed.Task.WaitAsync(cancellationToken) : Task.CompletedTask;
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
