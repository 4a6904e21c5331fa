using System.CommandLine;
using System.Text.Json;
using System.Text.RegularExpressions;
using EdgeProxy.Common;
using EdgeProxy.Settings;

namespace EdgeProxy.Cli;

/// <summary><c>polkit-rule</c>: the rule that lets the proxy's user start and stop the units that the settings name. Reads the settings alone.</summary>
internal static partial class PolkitRuleCommand
{
    public static Command Create()
    {
        var config = SettingsOption.Create();
        var user = new Option<string>("--user") { Description = "The user that runs EdgeProxy", DefaultValueFactory = _ => "edgeproxy", HelpName = "name" };
        var command = new Command("polkit-rule", "Print the polkit rule for the units of the settings: slots and companions") { config, user };
        command.SetAction(parsed =>
        {
            var (output, error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            var settings = SettingsLoader.Load(parsed.GetValue(config));
            if (settings.Options is not { } options)
            {
                SettingsOption.Write(settings, error, json: false);
                return ExitCode.Usage;
            }

            var name = parsed.GetValue(user)!;
            if (!UserName().IsMatch(name))
            {
                error.WriteLine($"edgeproxy: --user must be the name of a user, such as edgeproxy, not {PrintableText.Of(name)}");
                return ExitCode.Usage;
            }

            var units = options.AllUnits();
            if (units.Count == 0)
            {
                error.WriteLine("edgeproxy: the settings name no unit of systemd (EdgeProxy:Units:Manager is Process), so no rule is needed");
                return ExitCode.Usage;
            }

            output.Write(RuleOf(name, units));
            return ExitCode.Done;
        });
        return command;
    }

    /// <remarks>A string of JSON is one of JavaScript; names of units may have a backslash (systemd-escape(1)).</remarks>
    private static string RuleOf(string user, IReadOnlyList<string> units) => $$"""
        // The proxy's user may start, stop and restart the units that the settings of EdgeProxy name; nothing else about them, and no other unit.
        // Installed as /etc/polkit-1/rules.d/49-edgeproxy.rules; polkitd notices a change by itself. Written by "edgeproxy polkit-rule".
        polkit.addRule(function (action, subject) {
            if (action.id !== "org.freedesktop.systemd1.manage-units" || subject.user !== "{{user}}") {
                return polkit.Result.NOT_HANDLED;
            }

            var units = [{{string.Join(", ", units.Select(unit => $"\"{JsonEncodedText.Encode(unit)}\""))}}];
            var verbs = ["start", "stop", "restart"];
            var allowed = units.indexOf(action.lookup("unit")) >= 0 && verbs.indexOf(action.lookup("verb")) >= 0;
            return allowed ? polkit.Result.YES : polkit.Result.NOT_HANDLED;
        });

        """;

    /// <summary>As useradd(8) takes it.</summary>
    [GeneratedRegex(@"^[a-z_][a-z0-9_-]{0,31}\z")]
    private static partial Regex UserName();
}
