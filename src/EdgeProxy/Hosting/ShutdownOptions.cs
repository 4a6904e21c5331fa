namespace EdgeProxy.Hosting;

/// <summary>How the proxy itself stops.</summary>
internal sealed class ShutdownOptions
{
    /// <summary>How long requests may go on after SIGTERM; then they get 503. New ones wait for the next process meanwhile. Default 10 s; 0 to 1
    /// h.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a process that another one has replaced may go on with its requests, downloads, streams and WebSockets (a reload, an upgrade). Nobody
    /// waits for it. Default 1 h; 0 to 7 days.</summary>
    public TimeSpan HandoverTimeout { get; set; } = TimeSpan.FromHours(1);
}
