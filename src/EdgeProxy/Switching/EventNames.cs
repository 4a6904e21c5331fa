namespace EdgeProxy.Switching;

/// <summary>The events of switches and health, as <c>GET /events</c> names them.</summary>
internal static class EventNames
{
    /// <summary>A <see cref="Switching.Switch"/> has changed.</summary>
    public const string Switch = "switch";

    /// <summary>A <see cref="PhaseRun"/> began or ended.</summary>
    public const string Phase = "phase";

    /// <summary>A probe of a switch has ended: see <see cref="ProbeEvent"/>.</summary>
    public const string Probe = "probe";

    /// <summary>A slot became active or idle, or its health changed: see <see cref="SlotEvent"/>.</summary>
    public const string Slot = "slot";
}
