namespace EdgeProxy.State;

/// <summary>Where the proxy keeps what must survive it.</summary>
internal sealed class StateOptions
{
    public const string SectionName = "EdgeProxy:State";

    /// <summary>Default <c>/var/lib/edgeproxy</c>. One process at a time.</summary>
    public string Directory { get; set; } = "/var/lib/edgeproxy";
}
