using System.CommandLine;
using System.Text.Json;
using EdgeProxy.Configuration;
using EdgeProxy.Settings;

namespace EdgeProxy.Cli;

/// <summary>The option <c>--config</c>, and how the problems of a settings file are shown.</summary>
internal static class SettingsOption
{
    public static Option<string?> Create() => new("--config")
    {
        Description = "The settings file; without it /etc/edgeproxy/appsettings.json, else the one beside the binary",
        HelpName = "file",
    };

    /// <summary>A line a problem, or one JSON object.</summary>
    public static void Write(EdgeProxySettings settings, TextWriter writer, bool json)
    {
        if (json)
        {
            var report = new SettingsReport(settings.File, settings.Options is not null, settings.Problems);
            writer.WriteLine(JsonSerializer.Serialize(report, CliJson.Relaxed.SettingsReport));
            return;
        }

        foreach (var problem in settings.Problems)
        {
            writer.WriteLine(problem);
        }
    }
}

/// <summary>What <c>check --json</c> prints.</summary>
internal sealed record SettingsReport(string File, bool Valid, IReadOnlyList<SettingsProblem> Problems);
