using EdgeProxy.Slots;

namespace EdgeProxy.Http;

/// <summary>What became of a request to an app, for observers of requests. A feature of its <see cref="HttpContext"/>.</summary>
internal interface IForwardedRequest
{
    /// <summary>The lease of the current or last try.</summary>
    Lease? Lease { get; }

    /// <summary>How often it was handed to the forwarder.</summary>
    int Tries { get; }

    /// <summary>How long it was held in all, because a slot refused connections or the app was paused.</summary>
    TimeSpan Held { get; }

    /// <summary>How long it has waited for its turn, as the app had as many requests as it may.</summary>
    TimeSpan Queued { get; }

    /// <summary>How long the app took, in the last try, from when it had the whole request until its response began; null: there was no response, or it began
    /// before the client had sent everything.</summary>
    TimeSpan? ResponseTime { get; }

    /// <summary>The client left before it had the whole response.</summary>
    bool ClientLeft { get; }

    /// <summary>How much of its bodies has waited in files, in bytes.</summary>
    long SpooledBytes { get; }
}
