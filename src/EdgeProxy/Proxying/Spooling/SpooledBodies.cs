namespace EdgeProxy.Proxying.Spooling;

/// <summary>How the bodies of a request waited in the proxy.</summary>
internal sealed class SpooledBodies
{
    /// <summary>What of the client's body was taken in; null: nothing had to wait. Disposed with the request.</summary>
    public RequestSpool? Request { get; init; }

    /// <summary>How much has waited in files, in both directions.</summary>
    public long Bytes { get; set; }
}
