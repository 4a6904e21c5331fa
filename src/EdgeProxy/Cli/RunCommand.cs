using System.CommandLine;
using EdgeProxy.Common;
using EdgeProxy.Handover;
using EdgeProxy.Hosting;
using EdgeProxy.Settings;

namespace EdgeProxy.Cli;

/// <summary><c>run</c>, the default verb: serves until it is told to stop.</summary>
internal static class RunCommand
{
    public static Command Create() => Serve(new Command("run", "Serve (the default)"));

    /// <summary>The root without a verb does the same.</summary>
    public static void MakeDefault(RootCommand root) => Serve(root);

    private static Command Serve(Command command)
    {
        var config = SettingsOption.Create();
        command.Add(config);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            EarlySignals.Ignore();
            var arrival = Arrival.Find(); // before the environment is read for settings: it is none
            var file = parsed.GetValue(config);
            var settings = SettingsLoader.Load(file);
            var error = parsed.InvocationConfiguration.Error;
            SettingsOption.Write(settings, error, parsed.GetValue(JsonOption.Json));
            if (settings.Options is null)
            {
                error.WriteLine($"edgeproxy: {settings.File} is not valid; nothing was started");
                return ExitCode.Usage;
            }

            var running = new RunningSettings(settings, () => SettingsLoader.Load(file));
            return await EdgeProxyServer.RunAsync(running, settings.Options, arrival, error, cancellationToken);
        });
        return command;
    }
}
