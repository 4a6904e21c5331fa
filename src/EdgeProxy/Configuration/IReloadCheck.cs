namespace EdgeProxy.Configuration;

/// <summary>Says what keeps a new process from taking over from this one, with the settings that are on disk now. A feature that may have such a reason
/// registers one of these with the services of the process.</summary>
internal interface IReloadCheck
{
    /// <param name="running">The settings of this process.</param>
    /// <param name="next">Those on disk now; they are valid.</param>
    /// <returns>Null: nothing does.</returns>
    ReloadRefusal? Check(IConfiguration running, IConfiguration next);
}

/// <summary>A reload does not take place.</summary>
/// <param name="Why">What is to be read: the reason, and what to do.</param>
/// <param name="AreSettingsWrong">A start with these settings would be wrong, too.</param>
internal sealed record ReloadRefusal(string Why, bool AreSettingsWrong = false);
