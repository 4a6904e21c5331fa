using System.CommandLine;
using System.Net;
using System.Text.Json;
using EdgeProxy.Common;
using EdgeProxy.Explaining;
using EdgeProxy.Settings;

namespace EdgeProxy.Cli;

/// <summary><c>routes</c>: the routes of all sites, or the one that serves a URL, and why. Reads the settings alone; no proxy has to run.</summary>
internal static class RoutesCommand
{
    public static Command Create()
    {
        var config = SettingsOption.Create();
        var url = new Argument<string?>("url") { Description = "A URL as a client would ask for it; none: list all routes", Arity = ArgumentArity.ZeroOrOne };
        var method = new Option<string>("--method") { Description = "The request's method", DefaultValueFactory = _ => "GET", HelpName = "method" };
        var header = new Option<string[]>("--header") { Description = "A field of the request's header; may be repeated", HelpName = "name: value" };
        var client = new Option<string>("--client") { Description = "The client's address", DefaultValueFactory = _ => "127.0.0.1", HelpName = "address" };
        var command = new Command("routes", "List the routes, or say which one serves a URL and why") { url, method, header, client, config };
        command.SetAction(parsed =>
        {
            var (output, error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            var settings = SettingsLoader.Load(parsed.GetValue(config));
            if (settings.Options is not { } options)
            {
                SettingsOption.Write(settings, error, json: false);
                return ExitCode.Usage;
            }

            var json = parsed.GetValue(JsonOption.Json);
            if (parsed.GetValue(url) is not { } text)
            {
                List(options, output, json);
                return ExitCode.Done;
            }

            if (!Uri.TryCreate(text, UriKind.Absolute, out var asked) || asked.Scheme is not ("http" or "https"))
            {
                error.WriteLine($"edgeproxy: {PrintableText.Of(text)} must be a URL such as https://shop.example.com/path");
                return ExitCode.Usage;
            }

            if (!IPAddress.TryParse(parsed.GetValue(client), out var address))
            {
                error.WriteLine($"edgeproxy: --client must be an IP address, not {PrintableText.Of(parsed.GetValue(client)!)}");
                return ExitCode.Usage;
            }

            var fields = new List<(string, string)>();
            foreach (var field in parsed.GetValue(header) ?? [])
            {
                var colon = field.IndexOf(':', StringComparison.Ordinal);
                if (colon < 1)
                {
                    error.WriteLine($"edgeproxy: --header must be \"Name: value\", not {PrintableText.Of(field)}");
                    return ExitCode.Usage;
                }

                fields.Add((field[..colon].Trim(), field[(colon + 1)..].Trim()));
            }

            var explanation = RequestExplanation.Of(
                options, settings.Configuration["AllowedHosts"], asked, parsed.GetValue(method)!, fields, address);
            if (json)
            {
                output.WriteLine(JsonSerializer.Serialize(explanation, CliJson.Relaxed.RequestExplanation));
            }
            else
            {
                Explain(explanation, output);
            }

            return explanation.Takes is null ? ExitCode.Failed : ExitCode.Done;
        });
        return command;
    }

    private static void Explain(RequestExplanation explanation, TextWriter output)
    {
        foreach (var line in explanation.Before)
        {
            output.WriteLine(line);
        }

        if (explanation.Site is { } site)
        {
            output.WriteLine($"site {PrintableText.Of(site)}");
        }

        foreach (var (route, number) in explanation.Routes.Select((route, index) => (route, index + 1)))
        {
            var verdict = route.Takes ? "takes it" : "passes on";
            output.WriteLine($"{number,3}  {verdict}  {PrintableText.Of(route.Name)}  ->  {PrintableText.Of(route.Does)}");
            foreach (var condition in route.Conditions)
            {
                output.WriteLine($"       {(condition.Holds ? "yes" : "no "),-4} {condition.Key} {PrintableText.Of(condition.Value)}");
            }
        }

        output.WriteLine(PrintableText.Of(explanation.Result));
    }

    private static void List(EdgeProxyOptions options, TextWriter output, bool json)
    {
        var routes = ListedRoute.Of(options).ToList();
        if (json)
        {
            output.WriteLine(JsonSerializer.Serialize(routes, CliJson.Relaxed.ListListedRoute));
            return;
        }

        JsonText.WriteTable(
            [
                ["SITE", "ROUTE", "TAKES", "DOES"],
                .. routes.Select(route => new[] { route.Site, route.Route, route.Takes, route.Does }.Select(PrintableText.Of).ToArray()),
            ],
            output);
    }
}
