using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using EdgeProxy.CaddyImport;
using EdgeProxy.Json;
using EdgeProxy.Slots;

namespace EdgeProxy.Cli;

/// <summary><c>import-caddyfile</c>: settings from a Caddyfile on standard output, and what is to be said of its lines on standard error.</summary>
internal static class ImportCaddyfileCommand
{
    /// <summary>For a file that people will read and change.</summary>
    private static readonly JsonWriterOptions _indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "The Caddyfile" };
        var blue = Address("--blue", "blue");
        var green = Address("--green", "green");
        var (blueUnit, greenUnit) = (Unit("--blue-unit", "blue", new ImportOptions().BlueUnit), Unit("--green-unit", "green", new ImportOptions().GreenUnit));
        var health = new Option<string?>("--health-path") { Description = "A page that answers 200 when the app is well; without it the file's health_uri, else that of the recipe", HelpName = "path" };
        var certificates = new Option<string?>("--certificates") { Description = "A directory of NAME.crt and NAME.key, such as Caddy's storage, to serve until EdgeProxy has its own", HelpName = "directory" };
        var keepAlive = Duration.Option("--server-keep-alive", "How long the app keeps an idle connection (gunicorn's --keep-alive)");
        var command = new Command("import-caddyfile", "Print the settings that serve what a Caddyfile serves; name each line that cannot be translated")
        {
            file, blue, green, blueUnit, greenUnit, health, certificates, keepAlive,
        };
        command.SetAction(parsed =>
        {
            var options = new ImportOptions(
                parsed.GetValue(blue), parsed.GetValue(green), parsed.GetValue(blueUnit)!, parsed.GetValue(greenUnit)!, parsed.GetValue(health),
                parsed.GetValue(certificates), parsed.GetValue(keepAlive));
            var result = CaddyfileImport.Run(parsed.GetValue(file)!, options, Environment.GetEnvironmentVariable);
            var (output, error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            if (parsed.GetValue(EdgeProxyCommand.Json))
            {
                output.WriteLine(JsonSerializer.Serialize(result, ApiJson.Default.ImportResult));
            }
            else
            {
                Write(result, output, error);
            }

            return result.Settings is null ? ExitCode.Usage : ExitCode.Done;
        });
        return command;
    }

    private static void Write(ImportResult result, TextWriter output, TextWriter error)
    {
        foreach (var problem in result.Problems)
        {
            error.WriteLine(problem);
        }

        foreach (var note in result.Notes)
        {
            error.WriteLine($"note: {note}");
        }

        if (result.Settings is null)
        {
            error.WriteLine($"edgeproxy: {result.Problems.Count} to be changed before this can be translated; no settings are printed");
            return;
        }

        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, _indented))
        {
            result.Settings.WriteTo(writer);
        }

        output.WriteLine(System.Text.Encoding.UTF8.GetString(buffer.ToArray()));
    }

    private static Option<string?> Address(string name, string slot)
    {
        var option = new Option<string?>(name) { Description = $"Where {slot} listens: {SlotAddress.Allowed}; without it as the file and the recipe say", HelpName = "address" };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && !SlotAddress.TryParse(text, out _))
            {
                result.AddError($"'{text}' is not {SlotAddress.Allowed}");
            }
        });
        return option;
    }

    private static Option<string> Unit(string name, string slot, string recipes) =>
        new(name) { Description = $"The systemd service that runs {slot}; without it {recipes}", HelpName = "unit", DefaultValueFactory = _ => recipes };
}
