using System.CommandLine;
using EdgeProxy.Configuration;

namespace EdgeProxy.Cli;

/// <summary><c>check</c>: says everything that is wrong with the settings, and starts nothing.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        var config = SettingsOption.Create();
        var command = new Command("check", "Check the settings: every problem, a line each") { config };
        command.SetAction(parsed =>
        {
            var settings = SettingsLoader.Load(parsed.GetValue(config));
            var output = parsed.InvocationConfiguration.Output;
            var json = parsed.GetValue(EdgeProxyCommand.Json);
            SettingsOption.Write(settings, output, json);
            if (!json)
            {
                output.WriteLine(settings.Options is not null ? $"{settings.File}: valid" : $"{settings.File}: not valid; nothing would start");
            }

            return settings.Options is not null ? ExitCode.Done : ExitCode.Usage;
        });
        return command;
    }
}
