using EdgeProxy.Slots;

namespace EdgeProxy.Proxying;

/// <summary>What became of a request to the app, for the transforms and the access log. A feature of its <see cref="HttpContext"/>.</summary>
internal sealed class ForwardedRequest
{
    /// <summary>The lease of the current or last try.</summary>
    public Lease? Lease => Life?.Lease;

    /// <summary>What ends the current or last try.</summary>
    public RequestLife? Life { get; set; }

    /// <summary>How often it was handed to the forwarder.</summary>
    public int Tries { get; set; }

    /// <summary>How long it was held in all.</summary>
    public TimeSpan Held { get; set; }
}
