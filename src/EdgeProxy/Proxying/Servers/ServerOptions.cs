using EdgeProxy.Proxying.Spooling;

namespace EdgeProxy.Proxying.Servers;

/// <summary>How servers that are no slots are reached, and the room for the bodies of their requests.</summary>
internal sealed class ServerOptions
{
    /// <param name="buffering">As of an app.</param>
    public ServerOptions(BufferingOptions buffering, TimeProvider time, ILoggerFactory loggers)
    {
        // A server may be far away: longer than an app on this machine takes. It is what YARP's own client has.
        Upstream = new UpstreamOptions { ConnectTimeout = TimeSpan.FromSeconds(15), Buffering = buffering };
        Spool = new SpoolStore(buffering, time, loggers.CreateLogger<SpoolStore>());
    }

    public UpstreamOptions Upstream { get; }

    /// <summary>A budget of its own: what waits for another server takes no room from an app.</summary>
    public SpoolStore Spool { get; }
}
