namespace EdgeProxy.Slots;

/// <summary>How many requests may be with a slot at a time, and how many are.</summary>
/// <param name="limit">1 or more.</param>
internal sealed class SlotPlaces(int limit)
{
    private int _used;

    public int Limit => limit;

    /// <summary>0 to <see cref="Limit"/>.</summary>
    public int Used => Volatile.Read(ref _used);

    public bool IsFull => Used >= limit;

    /// <summary>Takes a place where one is free. No lock, and no order: a caller that must keep one asks first whether somebody waits.</summary>
    internal bool TryTake()
    {
        var used = Used;
        while (used < limit)
        {
            var seen = Interlocked.CompareExchange(ref _used, used + 1, used);
            if (seen == used)
            {
                return true;
            }

            used = seen;
        }

        return false;
    }

    /// <summary>Gives one back. A full fence: waiting requests are looked for behind it.</summary>
    internal void GiveBack() => Interlocked.Decrement(ref _used);
}

/// <summary>Whose a place in a slot is.</summary>
internal interface IPlaceHolder
{
    /// <summary>The request is not with the slot any more, or is no ordinary request any more. Called once.</summary>
    void GiveBack(Slot slot);
}
