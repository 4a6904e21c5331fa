using System.CommandLine;
using System.Text.Json;
using EdgeProxy.Diagnostics;
using EdgeProxy.Json;

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
                parsed.GetValue(EdgeProxyCommand.Json) ? JsonSerializer.Serialize(report, ApiJson.Default.VersionReport) : $"edgeproxy {report.Version}");
            return ExitCode.Done;
        });
        return command;
    }
}

/// <summary>What <c>version --json</c> prints.</summary>
internal sealed record VersionReport(string Version);
