using System.CommandLine;
using System.Text.Json;
using EdgeProxy.Common;
using EdgeProxy.Settings;

namespace EdgeProxy.Cli;

/// <summary><c>check</c>: says everything that is wrong with the settings, and starts nothing.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        var config = SettingsOption.Create();
        var show = new Option<bool>("--show")
        {
            Description = "Print what is set, by file and environment, as NAME=VALUE with the names of environment variables; problems go to standard error",
        };
        var command = new Command("check", "Check the settings: every problem, a line each") { config, show };
        command.SetAction(parsed =>
        {
            var settings = SettingsLoader.Load(parsed.GetValue(config));
            if (parsed.GetValue(show))
            {
                SettingsOption.Write(settings, parsed.InvocationConfiguration.Error, json: false);
                Show(settings, parsed);
            }
            else
            {
                Report(settings, parsed);
            }

            return settings.Options is not null ? ExitCode.Done : ExitCode.Usage;
        });
        return command;
    }

    private static void Report(EdgeProxySettings settings, ParseResult parsed)
    {
        var output = parsed.InvocationConfiguration.Output;
        var json = parsed.GetValue(JsonOption.Json);
        SettingsOption.Write(settings, output, json);
        if (!json)
        {
            output.WriteLine(settings.Options is not null ? $"{settings.File}: valid" : $"{settings.File}: not valid; nothing would start");
        }
    }

    private static void Show(EdgeProxySettings settings, ParseResult parsed)
    {
        var output = parsed.InvocationConfiguration.Output;
        var values = new SortedDictionary<string, string>(settings.Values().ToDictionary(), StringComparer.OrdinalIgnoreCase);
        if (parsed.GetValue(JsonOption.Json))
        {
            output.WriteLine(JsonSerializer.Serialize(values, CliJson.Relaxed.SortedDictionaryStringString));
            return;
        }

        foreach (var (name, value) in values)
        {
            output.WriteLine($"{name}={value}");
        }
    }
}
