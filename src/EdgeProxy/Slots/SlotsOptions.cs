namespace EdgeProxy.Slots;

/// <summary>The two slots. Both are required, and their addresses and units must differ.</summary>
internal sealed class SlotsOptions
{
    public SlotOptions? Blue { get; set; }

    public SlotOptions? Green { get; set; }

    /// <summary>The options of one slot; only valid settings reach a caller, so it is there.</summary>
    public SlotOptions this[SlotName slot] => Find(slot) ?? throw new InvalidOperationException($"EdgeProxy:Slots:{slot} is not set");

    /// <summary>The options of one slot while the settings are checked; null: not set.</summary>
    internal SlotOptions? Find(SlotName slot) => slot == SlotName.Blue ? Blue : Green;
}

/// <summary>Where one slot listens and what runs it.</summary>
internal sealed class SlotOptions
{
    /// <summary><c>http://HOST:PORT</c> or <c>unix:/path/to.sock</c>. Required.</summary>
    public string? Address { get; set; }

    /// <summary>The systemd service that runs the slot, e.g. <c>app-server-blue.service</c>. Required with <c>Units:Manager</c> = <c>Systemd</c>.</summary>
    public string? Unit { get; set; }

    /// <summary>A log file of the app that is quoted beside the journal when a switch fails; null: none.</summary>
    public string? Log { get; set; }
}
