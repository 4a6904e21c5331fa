using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.Metrics;

namespace EdgeProxy.Notify;

/// <summary>What became of a message.</summary>
internal enum NotifyResult
{
    Sent,

    /// <summary>All tries have failed.</summary>
    Failed,

    /// <summary>There was no room for it.</summary>
    Dropped,
}

/// <summary>Messages by receiver. Absent where there is none.</summary>
internal sealed class NotifyMetrics : InstrumentSet
{
    private readonly Counter<long> _messages;

    public NotifyMetrics(Meter meter, NotifyOptions options)
    {
        _messages = meter.CreateCounter<long>(
            "edgeproxy.notify.messages",
            "{message}",
            "Messages that were sent, that have failed for good, or that were dropped for want of room, by receiver and result.");
        meter.CreateObservableGauge(
            "edgeproxy.notify.pending",
            () => (options.Receivers ?? []).Keys.Select(receiver => new Measurement<int>(Pending(receiver), TagOf(receiver))),
            "{message}",
            "Messages that wait for their next try, by receiver.");
    }

    /// <summary>How many wait; set by the queue.</summary>
    public Func<string, int> Pending { get; set; } = _ => 0;

    public void Ended(string receiver, NotifyResult result) =>
        _messages.Add(1, TagOf(receiver), new KeyValuePair<string, object?>("result", result.ToString().ToLowerInvariant()));

    private static KeyValuePair<string, object?> TagOf(string receiver) => new("receiver", receiver);
}
