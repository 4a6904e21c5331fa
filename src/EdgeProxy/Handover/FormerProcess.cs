using EdgeProxy.Platform;

namespace EdgeProxy.Handover;

/// <summary>A process before this one that still has requests.</summary>
/// <remarks>Its calls are made one at a time; what it says may be read at any time.</remarks>
internal sealed class FormerProcess
{
    private const int SignalKill = 9;

    private readonly HandoverChannel _channel;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _letGo = new();
    private Task<HandoverMessage?>? _reading; // of a response that has not come in time: it still may
    private long _asked = (long)Environment.ProcessId << 32; // a response to another process's question is none to ours
    private volatile Holdings _holds;
    private volatile bool _isSilent;
    private (long Told, TimeSpan Patience)? _end;

    public FormerProcess(HandoverChannel channel, TimeProvider time)
    {
        (_channel, _time) = (channel, time);
        Pid = channel.PeerPid;
        _holds = new(Pid, time.GetUtcNow(), 0, []); // it has not said anything yet
    }

    public int Pid { get; }

    public int Descriptor => _channel.Descriptor;

    /// <summary>What it had when it last responded.</summary>
    public Holdings Holds => _holds;

    /// <summary>It has not responded in time: what it has now is not known.</summary>
    public bool IsSilent => _isSilent;

    /// <summary>Who supervises EdgeProxy knows only that process, and has told it to stop.</summary>
    public bool WasToldToStop { get; private set; }

    public bool HasEnded { get; private set; }

    /// <summary>It was told to end and has had its time.</summary>
    public bool IsOverdue => !_holds.Stays && _end is { } end && end.Patience != Timeout.InfiniteTimeSpan && _time.GetElapsedTime(end.Told) > end.Patience;

    /// <summary>Tells it what to do and reads what it has. Asks nothing more of one that is still to respond.</summary>
    public async Task AskAsync(Dictionary<string, AppOrders> orders, TimeSpan patience)
    {
        if (_reading is { IsCompleted: false })
        {
            return;
        }

        await _channel.SendAsync(new(MessageKind.Orders) { Number = ++_asked, Apps = orders });
        using var asked = new CancellationTokenSource();
        var deadline = Task.Delay(patience, _time, asked.Token);
        while (true)
        {
            _reading ??= _channel.ReadAsync(_letGo.Token);
            await Task.WhenAny(_reading, deadline);
            if (!_reading.IsCompleted)
            {
                _isSilent = true;
                return;
            }

            var said = await _reading;
            _reading = null;
            HasEnded = said is null;
            WasToldToStop |= said?.Kind is MessageKind.End;
            _holds = said?.Holds ?? _holds;
            if (HasEnded || said!.Number == _asked)
            {
                _isSilent = false;
                await asked.CancelAsync();
                return;
            }
        }
    }

    /// <summary>Tells it to stop, as by SIGTERM. It goes on to say what it has.</summary>
    /// <param name="patience">After which it is <see cref="IsOverdue"/>.</param>
    public Task EndAsync(TimeSpan patience)
    {
        _end ??= (_time.GetTimestamp(), patience);
        return _channel.SendAsync(new(MessageKind.End));
    }

    /// <summary>Its channel is open, so its number is still its own.</summary>
    public void Kill() => _ = LibC.Kill(Pid, SignalKill);

    /// <summary>Another process speaks with it from now on.</summary>
    public async Task LetGoAsync()
    {
        await _letGo.CancelAsync(); // before: a socket that is closed while it is read from is shut down for the other process, too
        await (_reading ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _channel.Dispose();
        _letGo.Dispose();
    }
}
