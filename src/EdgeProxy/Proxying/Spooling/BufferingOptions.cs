namespace EdgeProxy.Proxying.Spooling;

/// <summary>How bodies wait in the proxy, so that the app does not wait for slow clients.</summary>
internal sealed class BufferingOptions
{
    /// <summary>Whether the body of a request is taken in before the app is asked (nginx: <c>proxy_request_buffering</c>). Default true.</summary>
    public bool Requests { get; set; } = true;

    /// <summary>Whether a response is taken from the app as fast as it gives it, and waits for a slow client here (nginx: <c>proxy_buffering</c>). Default
    /// true.</summary>
    public bool Responses { get; set; } = true;

    /// <summary>
    /// How much of a body that waits stays in memory; the rest goes to a file (nginx: <c>client_body_buffer_size</c>, <c>proxy_buffers</c>). Default
    /// <c>64KB</c>; 4KB to 16MB.
    /// </summary>
    public string MemoryPerRequest { get; set; } = "64KB";

    /// <summary>Memory for all bodies that wait. Default <c>64MB</c>; up to 1024GB.</summary>
    public string Memory { get; set; } = "64MB";

    /// <summary>Disk space for all bodies that wait. One takes no more than it leaves free. Default <c>1GB</c>; <c>0B</c> (no files) to 1024GB.</summary>
    public string Disk { get; set; } = "1GB";

    /// <summary>Where their files are, which have no names (nginx: <c>client_body_temp_path</c>); null: <c>/var/tmp</c>. Absolute.</summary>
    public string? Directory { get; set; }

    /// <summary>Path prefixes whose bodies are passed on as they come; null or empty: none. Those of <c>Switch:StreamPaths</c> are, too.</summary>
    public string[]? ExcludePaths { get; set; }
}
