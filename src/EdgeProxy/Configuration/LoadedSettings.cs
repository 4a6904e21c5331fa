namespace EdgeProxy.Configuration;

/// <summary>What became of a settings file.</summary>
/// <param name="File">The file that was read, or should have been.</param>
/// <param name="Configuration">File and environment. Empty when the file could not be read.</param>
/// <param name="IsValid">None of <paramref name="Problems"/> is an error.</param>
/// <param name="Problems">Everything that is wrong, errors first.</param>
internal abstract record LoadedSettings(string File, IConfigurationRoot Configuration, bool IsValid, IReadOnlyList<SettingsProblem> Problems);
