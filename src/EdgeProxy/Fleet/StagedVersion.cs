using EdgeProxy.Slots;
using EdgeProxy.State;

namespace EdgeProxy.Fleet;

/// <summary>What a deploy has put into a slot of this node, for the fleet's next switch.</summary>
/// <param name="Slot">The slot, which was the idle one then.</param>
/// <param name="Label">The label, as that of a switch; of a commit, an abbreviation of seven digits or more.</param>
internal sealed record StagedVersion(SlotName Slot, string Label)
{
    /// <summary>Says why the slot cannot be started as this version; null: it can, for all that is known.</summary>
    public string? WhyNot(SlotName slot, string? label) =>
        slot != Slot || (label is not null && AreSame(Label, label)) ? null
            : $"{Slot.ToKey()} has {Label} staged here, and {(label is null ? "a version without a label" : label)} is wanted: put that into it "
                + "(restart_app.sh VERSION --stage)";

    private static bool AreSame(string one, string other) => one == other || (IsCommit(one) && IsCommit(other)
        && (one.StartsWith(other, StringComparison.Ordinal) || other.StartsWith(one, StringComparison.Ordinal)));

    /// <summary>Says whether a label is a commit, which git abbreviates. Of names such as v1.2 and v1.2.1 one begins with the other, too.</summary>
    private static bool IsCommit(string label) => label.Length >= 7 && label.All(char.IsAsciiHexDigitLower);
}

/// <summary>The file <c>staged.json</c>. It is there from the end of a deploy's part on this node until its slot is the active one.</summary>
internal sealed class StagedVersionFile(StateDirectory directory)
{
    private const string FileName = "staged.json";

    /// <summary>Reads what is staged; null: nothing is, or it cannot be read. It never throws.</summary>
    public StagedVersion? Read() => directory.ReadJson(FileName, FleetJson.Default.StagedVersion).Value;

    /// <exception cref="StateException">It could not be kept.</exception>
    public void Write(StagedVersion staged) => directory.WriteJson(FileName, staged, FleetJson.Default.StagedVersion);

    /// <summary>Removes it: the slot is active, and what was to be known of it is known.</summary>
    public void Clear(SlotName slot)
    {
        if (Read()?.Slot == slot)
        {
            try
            {
                directory.Delete(FileName);
            }
            catch (StateException)
            {
                // The next deploy writes another one.
            }
        }
    }
}
