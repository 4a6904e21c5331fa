using System.Net;
using EdgeProxy.Clients;
using EdgeProxy.Diagnostics;
using EdgeProxy.Http;

namespace EdgeProxy.Proxying.RateLimiting;

/// <summary>The limits of an app. A request has to be within all that its path has.</summary>
/// <remarks>A client without an address (a Unix socket) is not limited.</remarks>
internal sealed partial class RateLimits
{
    private readonly ILogger _logger;
    private readonly LogThrottle[] _logs;

    private RateLimits(IReadOnlyList<RateLimitOptions> options, TimeProvider time, ILogger logger)
    {
        _logger = logger;
        All = [.. options.Select((limit, index) => new RateLimit(limit, index))];
        _logs = [.. All.Select(_ => new LogThrottle(burst: 1, perSecond: 1.0 / 60, time))];
    }

    public IReadOnlyList<RateLimit> All { get; }

    /// <returns>Null: there is no limit, and no request pays for one.</returns>
    public static RateLimits? Of(IReadOnlyList<RateLimitOptions>? options, TimeProvider time, ILogger<RateLimits> logger) =>
        options is { Count: > 0 } ? new RateLimits(options, time, logger) : null;

    /// <summary>Counts a request.</summary>
    /// <returns>Null: it may pass. Otherwise it gets 429.</returns>
    public Task? Refuse(HttpContext context)
    {
        if (ClientKey.Of(context.Connection.RemoteIpAddress) is not { } client)
        {
            return null;
        }

        var path = RatedPath.Of(context);
        for (var i = 0; i < All.Count; i++)
        {
            var limit = All[i];
            if (limit.FindExcess(client, path) is not { } wait)
            {
                continue;
            }

            if (_logs[i].TryTake())
            {
                Log.Exceeded(_logger, limit.Name, limit.Said, context.Connection.RemoteIpAddress!, limit.Exceeded, limit.Mode);
            }

            if (limit.Mode == RateLimitMode.Enforce)
            {
                return RefuseAsync(context, limit, wait);
            }
        }

        return null;
    }

    private static Task RefuseAsync(HttpContext context, RateLimit limit, TimeSpan wait)
    {
        context.Features.Set(RefusedRequest.Instance); // a flood of them is not a flood of lines
        return GatewayErrors.WriteAsync(
            context,
            StatusCodes.Status429TooManyRequests,
            $"There are too many requests of this client: {limit.Said} are allowed here (RateLimits:{limit.Name}).",
            wait);
    }

    private static partial class Log
    {
        [LoggerMessage(
            230,
            LogLevel.Warning,
            "The limit {Limit} ({Said} for each client) is exceeded, now by {Client}: {Count} requests since the start. Mode: {Mode}. This is said once a " +
                "minute at most")]
        public static partial void Exceeded(ILogger logger, string limit, string said, IPAddress client, long count, RateLimitMode mode);
    }
}
