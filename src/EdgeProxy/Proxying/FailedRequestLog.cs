using EdgeProxy.Diagnostics;
using EdgeProxy.Diagnostics.ServerEvents;
using EdgeProxy.Slots;
using Yarp.ReverseProxy.Forwarder;

namespace EdgeProxy.Proxying;

/// <summary>What the log says of requests that have failed: a line for each while they are few. Clients decide how many there are, and each has its line in
/// the access log; what is left out here <see cref="ServerLogReport"/> counts.</summary>
internal sealed partial class FailedRequestLog(ServerLog server, TimeProvider time, ILogger<SlotForwarder> logger)
{
    private readonly LogThrottle _ofSlot = new(burst: 50, perSecond: 5, time);
    private readonly LogThrottle _ofClients = new(burst: 10, perSecond: 1 / 6.0, time);

    /// <summary>The forwarder has given up.</summary>
    /// <param name="isOfSlot">The app has failed; otherwise the client has caused it.</param>
    public void Failed(string requestId, SlotName slot, ForwarderError error, string reason, bool isOfSlot)
    {
        if ((isOfSlot ? _ofSlot : _ofClients).TryTake())
        {
            Log.Failed(logger, LogLevel.Warning, requestId, slot, error, reason);
        }
        else if (server.Suppress($"Request {requestId} to {slot} failed with {error}: {reason}."))
        {
            Log.Failed(logger, LogLevel.Debug, requestId, slot, error, reason);
        }
    }

    /// <summary>The request was held in vain.</summary>
    public void NotSent(string requestId, SlotName slot, HoldResult end, int tries, string reason)
    {
        if (_ofSlot.TryTake())
        {
            Log.NotSent(logger, LogLevel.Warning, requestId, slot, end, tries, reason);
        }
        else if (server.Suppress($"Request {requestId} could not be sent to {slot} ({end}): {reason}."))
        {
            Log.NotSent(logger, LogLevel.Debug, requestId, slot, end, tries, reason);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 210, Message = "Request {RequestId} to {Slot} failed with {Error}: {Reason}")]
        public static partial void Failed(ILogger logger, LogLevel level, string requestId, SlotName slot, ForwarderError error, string reason);

        [LoggerMessage(EventId = 211, Message = "Request {RequestId} could not be sent to {Slot} ({End} after {Tries} tries): {Reason}")]
        public static partial void NotSent(ILogger logger, LogLevel level, string requestId, SlotName slot, HoldResult end, int tries, string reason);
    }
}
