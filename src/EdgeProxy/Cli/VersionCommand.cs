using System.CommandLine;
using System.Text.Json;
using EdgeProxy.Common;
using EdgeProxy.Diagnostics;

namespace EdgeProxy.Cli;

/// <summary><c>version</c>.</summary>
internal static class VersionCommand
{
    public static Command Create()
    {
        var command = new Command("version", "Print the version");
        command.SetAction(parsed =>
        {
            var report = new VersionReport(ProductVersion.Text);
            parsed.InvocationConfiguration.Output.WriteLine(
                parsed.GetValue(JsonOption.Json) ? JsonSerializer.Serialize(report, CliJson.Relaxed.VersionReport) : $"edgeproxy {report.Version}");
            return ExitCode.Done;
        });
        return command;
    }
}

/// <summary>What <c>version --json</c> prints.</summary>
internal sealed record VersionReport(string Version);
