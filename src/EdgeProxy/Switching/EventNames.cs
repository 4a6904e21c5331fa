namespace EdgeProxy.Switching;

/// <summary>The events of switches and health, as <c>GET /events</c> names them.</summary>
internal static class EventNames
{
    /// <summary>A <see cref="Switching.Switch"/> has changed.</summary>
    public const string Switch = "switch";

    /// <summary>A <see cref="PhaseRun"/> began or ended.</summary>
    public const string Phase = "phase";

    /// <summary>See <see cref="ProbeEvent"/>.</summary>
    public const string Probe = "probe";

    /// <summary>See <see cref="SlotEvent"/>.</summary>
    public const string Slot = "slot";
}
