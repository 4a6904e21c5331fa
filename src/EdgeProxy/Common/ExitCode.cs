namespace EdgeProxy.Common;

/// <summary>What a verb returns to the shell. Scripts rely on these.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>The switch ended <c>Aborted</c> or <c>RolledBack</c>, a certificate could not be renewed, or a watched request failed.</summary>
    public const int Failed = 1;

    /// <summary>Wrong usage or settings.</summary>
    public const int Usage = 2;

    /// <summary>The proxy cannot be reached, or does not respond as one.</summary>
    public const int Unreachable = 3;

    /// <summary>Another switch runs, already so, not allowed, or a second instance on one state directory.</summary>
    public const int Refused = 4;

    /// <summary>The switch ended <c>CompletedWithWarnings</c>.</summary>
    public const int Warnings = 5;
}
