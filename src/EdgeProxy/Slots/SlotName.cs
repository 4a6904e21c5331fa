namespace EdgeProxy.Slots;

/// <summary>One of the two places where a version of the app runs.</summary>
public enum SlotName
{
    Blue,
    Green,
}

internal static class SlotNameExtensions
{
    /// <summary>Both names, in the order in which they are listed everywhere.</summary>
    public static IReadOnlyList<SlotName> All { get; } = [SlotName.Blue, SlotName.Green];

    /// <summary>The other slot.</summary>
    public static SlotName Other(this SlotName slot) => slot == SlotName.Blue ? SlotName.Green : SlotName.Blue;

    /// <summary>The name as it is written in JSON, logs and on the command line: <c>blue</c> or <c>green</c>.</summary>
    public static string ToKey(this SlotName slot) => slot == SlotName.Blue ? "blue" : "green";

    /// <summary>Reads a name in any letter case.</summary>
    public static bool TryParse(string? text, out SlotName slot)
    {
        slot = string.Equals(text, "green", StringComparison.OrdinalIgnoreCase) ? SlotName.Green : SlotName.Blue;
        return slot == SlotName.Green || string.Equals(text, "blue", StringComparison.OrdinalIgnoreCase);
    }
}
