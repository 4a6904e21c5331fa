namespace EdgeProxy.Proxying.Upstream;

/// <summary>The connections to one slot that wait for a next request, the last one first. Only what has served comes here.</summary>
/// <remarks>
/// One timer closes what has been idle for too long, or was ended by the app. It runs only while there are idle connections, and ends with
/// <see cref="Dispose"/>. The lock is held for a few instructions, never while a socket is asked or closed.
/// </remarks>
internal sealed class IdleConnections(TimeSpan idleTimeout, TimeProvider time) : IDisposable
{
    private readonly TimeSpan _lookEvery = TimeSpan.FromTicks(Math.Max(idleTimeout.Ticks / 4, TimeSpan.TicksPerSecond));
    private readonly Lock _lock = new();
    private List<UpstreamConnection> _idle = []; // oldest first; guarded by _lock
    private ITimer? _timer; // guarded by _lock
    private bool _isWatching; // guarded by _lock
    private bool _isDisposed; // guarded by _lock
    private int _generation; // written under _lock
    private int _opening;
    private int _open;
    private int _waiting;

    /// <summary>Connections that are being opened.</summary>
    public int Opening => Volatile.Read(ref _opening);

    /// <summary>Open connections, with those that are idle.</summary>
    public int Open => Volatile.Read(ref _open);

    public int Idle => Volatile.Read(ref _waiting);

    /// <summary>The generation of a connection that is opened now.</summary>
    public int Generation => Volatile.Read(ref _generation);

    public void BeginOpening() => Interlocked.Increment(ref _opening);

    public void EndOpening(bool isOpen)
    {
        if (isOpen)
        {
            Interlocked.Increment(ref _open);
        }

        Interlocked.Decrement(ref _opening);
    }

    public void Closed() => Interlocked.Decrement(ref _open);

    /// <summary>An idle connection on which nothing has come; null: there is none.</summary>
    public UpstreamConnection? Take()
    {
        while (Pop() is { } connection)
        {
            if (time.GetElapsedTime(connection.IdleSince) < idleTimeout && connection.IsQuiet())
            {
                return connection;
            }

            connection.Close();
        }

        return null;
    }

    /// <summary>Keeps a connection that has served, or closes it where <see cref="CloseAll"/> was called meanwhile.</summary>
    public void Put(UpstreamConnection connection)
    {
        connection.ReleaseBuffer();
        connection.IsReused = true;
        connection.IdleSince = time.GetTimestamp();
        lock (_lock)
        {
            if (connection.Generation == _generation)
            {
                _idle.Add(connection);
                Interlocked.Increment(ref _waiting);
                Watch();
                return;
            }
        }

        connection.Close();
    }

    /// <summary>Closes all that are idle; those in use close themselves at the end of their response.</summary>
    public void CloseAll()
    {
        List<UpstreamConnection> idle;
        lock (_lock)
        {
            _generation++;
            idle = TakeAll();
        }

        foreach (var connection in idle)
        {
            connection.Close();
        }
    }

    public void Dispose()
    {
        CloseAll();
        lock (_lock)
        {
            _isDisposed = true;
            _timer?.Dispose();
        }
    }

    private UpstreamConnection? Pop()
    {
        lock (_lock)
        {
            if (_idle.Count == 0)
            {
                return null;
            }

            var connection = _idle[^1];
            _idle.RemoveAt(_idle.Count - 1);
            Interlocked.Decrement(ref _waiting);
            return connection;
        }
    }

    private List<UpstreamConnection> TakeAll()
    {
        var idle = _idle;
        _idle = [];
        Interlocked.Add(ref _waiting, -idle.Count);
        return idle;
    }

    private void Watch()
    {
        if (_isWatching || _isDisposed)
        {
            return;
        }

        _isWatching = true;
        _timer ??= time.CreateTimer(static idle => ((IdleConnections)idle!).CloseEnded(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(_lookEvery, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The timer's callback. A request that wants a connection meanwhile opens one.</summary>
    private void CloseEnded()
    {
        List<UpstreamConnection> idle;
        int generation;
        lock (_lock)
        {
            _isWatching = false;
            generation = _generation;
            idle = TakeAll();
        }

        var kept = idle.FindAll(connection => time.GetElapsedTime(connection.IdleSince) < idleTimeout && connection.IsQuiet());
        lock (_lock)
        {
            if (generation != _generation)
            {
                kept = [];
            }

            _idle.InsertRange(0, kept);
            Interlocked.Add(ref _waiting, kept.Count);
            if (_idle.Count > 0)
            {
                Watch();
            }
        }

        foreach (var connection in idle.Except(kept))
        {
            connection.Close();
        }
    }
}
