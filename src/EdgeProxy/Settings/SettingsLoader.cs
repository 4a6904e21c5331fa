using EdgeProxy.Configuration;

namespace EdgeProxy.Settings;

/// <summary>Reads and checks the settings: one file, then the environment.</summary>
internal static class SettingsLoader
{
    private const string FileName = "appsettings.json";

    /// <summary>The paths at which a file is looked for when none is named, in order.</summary>
    internal static IReadOnlyList<string> WellKnownFiles { get; } = ["/etc/edgeproxy/" + FileName, Path.Combine(AppContext.BaseDirectory, FileName)];

    /// <summary>Loads and checks. Whatever is wrong, also a missing file, is a problem in the result, not an exception.</summary>
    /// <param name="configFile">The file; null: the first of <c>/etc/edgeproxy/appsettings.json</c> and the one beside the binary that exists.</param>
    public static EdgeProxySettings Load(string? configFile) =>
        Load(configFile is null ? WellKnownFiles : [Path.GetFullPath(configFile)], environmentPrefix: "");

    /// <param name="candidates">The first that exists is read.</param>
    /// <param name="environmentPrefix">What names of environment variables start with, before <c>EdgeProxy__</c>.</param>
    internal static EdgeProxySettings Load(IReadOnlyList<string> candidates, string environmentPrefix)
    {
        var (file, content, complaint) = SettingsReader.Read(candidates);
        return content is null ? Unusable(file, complaint) : Check(file, content, environmentPrefix);
    }

    /// <summary>Checks what would be a settings file, with no environment to override it.</summary>
    /// <param name="file">What to call it.</param>
    /// <param name="content">JSON.</param>
    internal static EdgeProxySettings Check(string file, byte[] content) => Check(file, content, environmentPrefix: null);

    private static EdgeProxySettings Check(string file, byte[] content, string? environmentPrefix)
    {
        if (!SettingsReader.TryParse(content, environmentPrefix, out var root, out var complaint))
        {
            return Unusable(file, complaint);
        }

        var problems = new ProblemList(root);
        var options = SettingsCheck.Run(root, problems);
        return new EdgeProxySettings(file, root, problems.HasErrors ? null : options, problems.Sorted);
    }

    private static EdgeProxySettings Unusable(string file, string complaint) =>
        new(file, new ConfigurationBuilder().Build(), Options: null, [new(SettingsSeverity.Error, file, Value: null, complaint)]);
}
