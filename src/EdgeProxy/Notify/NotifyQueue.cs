using EdgeProxy.State;

namespace EdgeProxy.Notify;

/// <summary>What is not delivered yet, kept in <c>notifications.json</c> for the next process.</summary>
/// <remarks>
/// Added to by the features that have something to tell, which costs one durable write and never waits for a receiver; emptied by the loop of each
/// receiver. What is kept is bounded for each receiver: beyond that the oldest message is dropped, and counted. A message may be delivered twice (after a
/// power failure), and is never lost but for that bound and a state directory that cannot be written.
/// </remarks>
internal sealed partial class NotifyQueue
{
    public const string FileName = "notifications.json";

    /// <summary>The largest number of messages that wait for one receiver.</summary>
    public const int Capacity = 100;

    private readonly NotifyOptions _options;
    private readonly StateDirectory _directory;
    private readonly NotifyMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _changing = new();
    private List<PendingMessage> _pending;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public NotifyQueue(NotifyOptions options, StateDirectory directory, NotifyMetrics metrics, TimeProvider time, ILogger<NotifyQueue> logger)
    {
        (_options, _directory, _metrics, _time, _logger) = (options, directory, metrics, time, logger);
        var (kept, problem) = directory.ReadVersioned(FileName, NotifyJson.Default.PendingMessages);
        if (problem is not null)
        {
            Log.NotRead(logger, problem);
        }

        var all = kept?.Pending ?? [];
        var whole = all.Where(pending => pending is { Receiver: not null, Message: { Id: not null, Host: not null, Title: not null } }).ToList();
        if (whole.Count < all.Count)
        {
            Log.NotWhole(logger, all.Count - whole.Count, FileName);
        }

        _pending = [.. whole.Where(pending => options.Receivers?.ContainsKey(pending.Receiver) == true)];
        metrics.Pending = Count;
    }

    /// <summary>Completes with the next change.</summary>
    public Task Changed
    {
        get
        {
            lock (_changing)
            {
                return _changed.Task;
            }
        }
    }

    /// <summary>Tells every receiver that wants to know. One that is about to be told already is not told twice.</summary>
    public void Add(NotifyMessage message)
    {
        lock (_changing)
        {
            var receivers = (_options.Receivers ?? [])
                .Where(receiver => receiver.Value.Events is not { Length: > 0 } wanted || wanted.Contains(message.Event))
                .Where(receiver => !_pending.Exists(other => other.Receiver == receiver.Key && other.Message.Id == message.Id))
                .Select(receiver => receiver.Key)
                .ToList();
            if (receivers.Count == 0)
            {
                return;
            }

            foreach (var receiver in receivers)
            {
                if (_pending.Count(other => other.Receiver == receiver) >= Capacity)
                {
                    _pending.RemoveAt(_pending.FindIndex(other => other.Receiver == receiver));
                    _metrics.Ended(receiver, NotifyResult.Dropped);
                    Log.Dropped(_logger, receiver, Capacity);
                }

                _pending.Add(new PendingMessage(receiver, message, Tries: 0, _time.GetUtcNow()));
            }

            Save(durable: true);
        }
    }

    /// <summary>What is due next for a receiver; null: nothing waits.</summary>
    public PendingMessage? Next(string receiver)
    {
        lock (_changing)
        {
            return _pending.Where(pending => pending.Receiver == receiver).MinBy(pending => pending.NotBefore);
        }
    }

    public int Count(string receiver)
    {
        lock (_changing)
        {
            return _pending.Count(pending => pending.Receiver == receiver);
        }
    }

    /// <summary>After a try: it is tried again, or (null) not any more.</summary>
    public void Replace(PendingMessage tried, PendingMessage? next)
    {
        lock (_changing)
        {
            if (_pending.IndexOf(tried) is >= 0 and var index) // else it was dropped meanwhile
            {
                _pending.RemoveAt(index);
                if (next is not null)
                {
                    _pending.Insert(index, next);
                }

                Save(durable: false); // after a power failure it is sent once more
            }
        }
    }

    /// <remarks>Needs <see cref="_changing"/>.</remarks>
    private void Save(bool durable)
    {
        try
        {
            _directory.WriteJson(
                FileName, new PendingMessages { Version = VersionedRecord.CurrentVersion, Pending = _pending }, NotifyJson.Default.PendingMessages, durable);
        }
        catch (StateException e)
        {
            Log.NotKept(_logger, e.Message);
        }

        var changed = _changed;
        _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.SetResult();
    }

    private static partial class Log
    {
        [LoggerMessage(1300, LogLevel.Error, "Messages that the former process has not delivered are lost: {Problem}")]
        public static partial void NotRead(ILogger logger, string problem);

        [LoggerMessage(1306, LogLevel.Warning, "{Count} messages of {File} have no receiver or no content, and are dropped: was the file changed by hand?")]
        public static partial void NotWhole(ILogger logger, int count, string file);

        [LoggerMessage(1301, LogLevel.Error, "{Receiver} has {Capacity} messages waiting; the oldest one is dropped")]
        public static partial void Dropped(ILogger logger, string receiver, int capacity);

        [LoggerMessage(1302, LogLevel.Error, "Messages that are not delivered yet would be lost at a restart: {Problem}")]
        public static partial void NotKept(ILogger logger, string problem);
    }
}
