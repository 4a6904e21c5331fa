namespace EdgeProxy.Proxying.Spooling;

/// <summary>So many bytes for all bodies that wait. Any thread takes and returns; nobody waits.</summary>
internal sealed class SpoolBudget(long limit)
{
    private long _used;

    public long Limit => limit;

    public long Used => Volatile.Read(ref _used);

    /// <param name="bytes">Wanted.</param>
    /// <param name="held">
    /// What the same body has already. It may have as much as is left free (the dynamic threshold of Choudhury and Hahne): one client cannot take all, and
    /// the fewer there are, the more each one gets.
    /// </param>
    /// <returns>False: there is not so much left; nothing was taken.</returns>
    public bool TryTake(long bytes, long held = 0)
    {
        var used = Used;
        while (true)
        {
            var left = limit - used - bytes;
            if (left < 0 || (held > 0 && held + bytes > left))
            {
                return false;
            }

            var before = Interlocked.CompareExchange(ref _used, used + bytes, used);
            if (before == used)
            {
                return true;
            }

            used = before;
        }
    }

    public void Return(long bytes) => Interlocked.Add(ref _used, -bytes);
}
