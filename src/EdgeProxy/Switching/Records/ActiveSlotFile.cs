using System.Globalization;
using EdgeProxy.State;

namespace EdgeProxy.Switching.Records;

/// <summary><c>active.json</c>: the store that is built in.</summary>
/// <remarks>
/// The directory is locked for this process, so nobody else writes the file and its revisions are counted here; in the file they would change nothing but its
/// format.
/// One write at a time is the caller's business (<see cref="ActiveSlotRecord"/>).
/// </remarks>
internal sealed class ActiveSlotFile(StateDirectory directory) : IActiveSlotStore
{
    public const string FileName = "active.json";

    private Stored _stored = new(null, Number: 0);

    public ValueTask<StoredActiveSlot> ReadAsync(CancellationToken cancellationToken)
    {
        var (value, problem) = directory.ReadVersioned(FileName, SwitchingJson.Default.ActiveSlot);
        if (value is not null && value != _stored.Value)
        {
            Replace(value);
        }

        return new(new StoredActiveSlot(value is null ? null : _stored.Value, _stored.Revision, problem));
    }

    public ValueTask<string?> TryReplaceAsync(string? seen, ActiveSlot next)
    {
        if (seen != _stored.Revision)
        {
            return new((string?)null);
        }

        try
        {
            directory.WriteJson(FileName, next, SwitchingJson.Default.ActiveSlot);
        }
        catch (StateException e) when (e.Replaced)
        {
            PutBack(e);
            throw new StateException(e.Message, replaced: false, e);
        }

        Replace(next);
        return new(_stored.Revision);
    }

    public Task WaitForChangeAsync(string? seen, CancellationToken cancellationToken)
    {
        var stored = Volatile.Read(ref _stored);
        return stored.Revision == seen ? stored.Changed.Task.WaitAsync(cancellationToken) : Task.CompletedTask;
    }

    private void Replace(ActiveSlot value)
    {
        var before = Interlocked.Exchange(ref _stored, new Stored(value, _stored.Number + 1));
        before.Changed.TrySetResult();
    }

    private void PutBack(StateException cause)
    {
        try
        {
            if (_stored.Value is { } old)
            {
                directory.WriteJson(FileName, old, SwitchingJson.Default.ActiveSlot);
            }
            else
            {
                directory.Delete(FileName);
            }
        }
        catch (StateException e)
        {
            throw new StateException($"{cause.Message}, nor put the old content back: {e.Message}", replaced: !e.Replaced, e);
        }
    }

    private sealed record Stored(ActiveSlot? Value, int Number)
    {
        public TaskCompletionSource Changed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string? Revision { get; } = Number == 0 ? null : Number.ToString(CultureInfo.InvariantCulture);
    }
}
