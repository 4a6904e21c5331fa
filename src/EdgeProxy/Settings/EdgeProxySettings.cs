using EdgeProxy.Configuration;

namespace EdgeProxy.Settings;

/// <summary>What <see cref="SettingsLoader"/> found.</summary>
/// <param name="File">See <see cref="LoadedSettings"/>.</param>
/// <param name="Configuration">File and environment, for the standard sections. Empty when the file could not be read.</param>
/// <param name="Options">The valid options; null when <paramref name="Problems"/> has an error.</param>
/// <param name="Problems">Everything that is wrong, errors first.</param>
internal sealed record EdgeProxySettings(string File, IConfigurationRoot Configuration, EdgeProxyOptions? Options, IReadOnlyList<SettingsProblem> Problems)
    : LoadedSettings(File, Configuration, Options is not null, Problems)
{
    /// <summary>What file and environment set in the sections of this program, not the defaults, by the name that an environment variable would have.</summary>
    public IEnumerable<(string Name, string Value)> Values() =>
        from section in SettingsCheck.Sections
        from setting in Configuration.GetSection(section).AsEnumerable()
        where setting.Value is not null
        select (setting.Key.Replace(":", "__", StringComparison.Ordinal), setting.Value);
}
