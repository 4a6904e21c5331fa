using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using EdgeProxy.CaddyImport;
using EdgeProxy.Common;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport;
using EdgeProxy.Slots;

namespace EdgeProxy.Cli;

/// <summary><c>import-caddyfile</c> and <c>import-nginx</c>: settings from another server's configuration on standard output, and what is to be said
/// of its lines on standard error.</summary>
internal static class ImportCommand
{
    /// <summary>For a file that people will read and change.</summary>
    private static readonly JsonWriterOptions _indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Command ForCaddy() => Create(
        "import-caddyfile",
        "Print the settings that serve what a Caddyfile serves; name each line that cannot be translated",
        "The Caddyfile",
        "needed where the file has no health_uri",
        (file, options) => CaddyfileImport.Run(file, options, Environment.GetEnvironmentVariable));

    public static Command ForNginx() => Create(
        "import-nginx",
        "Print the settings that serve what the servers of nginx serve; name each line that cannot be translated",
        "nginx.conf, or a file of sites-enabled; what it includes is read, too",
        "needed, as nginx has none",
        NginxConfigImport.Run);

    private static Command Create(
        string name, string description, string fileDescription, string healthNeed, Func<string, ImportOptions, ImportResult> import)
    {
        var file = new Argument<string>("file") { Description = fileDescription };
        var app = new Option<string?>("--app")
        {
            Description = "The upstream that is the blue/green app, where the file has several; requests to the others are forwarded as they are",
            HelpName = "upstream",
        };
        var blue = Address("--blue", "blue");
        var green = Address("--green", "green");
        var (blueUnit, greenUnit) = (Unit("--blue-unit", "blue", new ImportOptions().BlueUnit), Unit("--green-unit", "green", new ImportOptions().GreenUnit));
        var health = new Option<string?>("--health-path")
        {
            Description = $"A page that responds with 200 only when the app is well; {healthNeed}",
            HelpName = "path",
        };
        var certificates = new Option<string?>("--certificates")
        {
            Description = "A directory of NAME.crt and NAME.key, such as Caddy's storage, to serve until EdgeProxy has its own",
            HelpName = "directory",
        };
        var keepAlive = DurationOption.Create("--server-keep-alive", "How long the app keeps an idle connection (gunicorn's --keep-alive)");
        var places = new Option<int?>("--max-concurrent")
        {
            Description = "How many requests the app works on at a time (gunicorn's --workers times --threads)",
            HelpName = "count",
        };
        var companions = new Option<string[]>("--companion")
        {
            Description = "A systemd service that runs the app's code beside it (a Celery worker): each switch restarts it; may be given again for another",
            HelpName = "unit",
        };
        var command = new Command(name, description)
        {
            file, app, blue, green, blueUnit, greenUnit, health, certificates, keepAlive, places, companions,
        };
        command.SetAction(parsed =>
        {
            var options = new ImportOptions(
                parsed.GetValue(blue), parsed.GetValue(green), parsed.GetValue(blueUnit)!, parsed.GetValue(greenUnit)!, parsed.GetValue(health),
                parsed.GetValue(certificates), parsed.GetValue(keepAlive), parsed.GetValue(places), parsed.GetValue(app),
                parsed.GetValue(companions));
            var result = import(parsed.GetValue(file)!, options);
            var (output, error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            if (parsed.GetValue(JsonOption.Json))
            {
                output.WriteLine(JsonSerializer.Serialize(result, ImportJson.Relaxed.ImportResult));
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
        var option = new Option<string?>(name)
        {
            Description = $"Where {slot} listens: {SlotAddress.Allowed}; without it as the file and the recipe say",
            HelpName = "address",
        };
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
