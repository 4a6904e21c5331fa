namespace EdgeProxy.Diagnostics;

/// <summary>A feature of requests that have their line and whose exception goes on to Kestrel.</summary>
internal sealed class ObservedRequest
{
    public static ObservedRequest Instance { get; } = new();
}
