namespace EdgeProxy.State;

/// <summary>A state file with one object in it, which says its format: another version of EdgeProxy may have written it.</summary>
internal abstract record VersionedRecord
{
    /// <summary>The format that this version writes and reads.</summary>
    public const int CurrentVersion = 1;

    public required int Version { get; init; }
}
