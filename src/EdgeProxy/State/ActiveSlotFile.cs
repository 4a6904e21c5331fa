using EdgeProxy.Json;

namespace EdgeProxy.State;

/// <summary><c>active.json</c>, and what it says in memory. Written by the start, by the running switch and by the end of a warm slot, one at a time.</summary>
public sealed class ActiveSlotFile(StateDirectory directory)
{
    public const string FileName = "active.json";

    private ActiveSlot? _current;

    /// <summary>What was read or written last; null: nothing yet.</summary>
    public ActiveSlot? Current => Volatile.Read(ref _current);

    /// <summary>Reads the file. Never throws.</summary>
    public StateRead<ActiveSlot> Read()
    {
        var read = directory.ReadVersioned(FileName, EdgeProxyJson.Default.ActiveSlot);
        if (read.Value is { } value)
        {
            Volatile.Write(ref _current, value);
        }

        return read;
    }

    /// <summary>Makes it durable, or leaves the file and <see cref="Current"/> as they were.</summary>
    /// <exception cref="StateException">
    /// It could not. With <see cref="StateException.Replaced"/> the old content could not be put back either: the file names the new slot.
    /// </exception>
    public void Write(ActiveSlot next)
    {
        try
        {
            directory.WriteJson(FileName, next, EdgeProxyJson.Default.ActiveSlot);
        }
        catch (StateException e) when (e.Replaced)
        {
            PutBack(e);
            throw new StateException(e.Message, replaced: false, e);
        }

        Volatile.Write(ref _current, next);
    }

    /// <summary>Takes what is not on disk, so that a proxy whose state directory is unusable knows what it serves.</summary>
    public void Assume(ActiveSlot active) => Volatile.Write(ref _current, active);

    private void PutBack(StateException cause)
    {
        try
        {
            if (Current is { } old)
            {
                directory.WriteJson(FileName, old, EdgeProxyJson.Default.ActiveSlot);
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
}
