using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text.Json;
using EdgeProxy.Api;
using EdgeProxy.Common;

namespace EdgeProxy.Cli;

/// <summary><c>status</c>: where traffic is, how both slots are, and what sites serve.</summary>
internal static class StatusCommand
{
    private static readonly string[] SitesHeading = ["SITE", "ROUTE", "TAKES", "DOES"];
    private static readonly string[] CompanionsHeading = ["COMPANION", "SLOT", "UNIT", "STATE"];
    private static readonly string[] Heading = ["SLOT", "", "UNIT", "STATE", "HEALTH", "LABEL", "IN FLIGHT", "REQUESTS", "ERRORS", "MEMORY"];

    public static Command Create()
    {
        var command = new Command("status", "Show where traffic is, and how both slots are");
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) =>
        {
            var response = await client.GetAsync(client.Of(AdminApi.Status), cancellationToken);
            if (response.Status != HttpStatusCode.OK)
            {
                throw client.Refusal(response);
            }

            var output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(JsonOption.Json))
            {
                await output.WriteLineAsync(response.Body);
                return ExitCode.Done;
            }

            Write(JsonText.ReadObject(response.Body), output);
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>For people: a line on the proxy, a table of the slots, a line on what runs or ran last; for each app, where there are several. Fields that are
    /// not there are blank.</summary>
    internal static void Write(JsonElement status, TextWriter output)
    {
        var proxy = $"edgeproxy {JsonText.Of(status, "version")}, pid {JsonText.Of(status, "pid")}, up {JsonText.Of(status, "uptime")}";
        if (JsonText.Get(status, "apps") is { ValueKind: JsonValueKind.Object } apps && apps.EnumerateObject().Count() > 1)
        {
            output.WriteLine(proxy);
            foreach (var app in apps.EnumerateObject())
            {
                output.WriteLine($"\napp {app.Name}: traffic is on {JsonText.Of(app.Value, "active")}");
                WriteApp(app.Value, $" --app {app.Name}", output);
            }

            WriteFormer(status, output);
            WriteSites(status, output);
            return;
        }

        output.WriteLine($"{proxy}; traffic is on {JsonText.Of(status, "active")}");
        WriteApp(status, "", output);
        WriteFormer(status, output);
        WriteSites(status, output);
    }

    /// <summary>A line for each process that was replaced and still has requests.</summary>
    private static void WriteFormer(JsonElement status, TextWriter output)
    {
        foreach (var process in Elements(status, "former"))
        {
            var held = JsonText.Get(process, "inFlight") is { } inFlight
                ? $"{JsonText.Of(inFlight, "http")} http, {JsonText.Of(inFlight, "stream")} stream, {JsonText.Of(inFlight, "webSocket")} webSocket"
                : "";
            output.WriteLine(
                $"process {JsonText.Of(process, "pid")}, replaced {JsonText.Of(process, "since")}, finishes {held}; " +
                    $"{JsonText.Of(process, "connections")} connections"
                    + (JsonText.Get(process, "responds") is { ValueKind: JsonValueKind.False } ? "; it does not respond, and had that before" : ""));
        }
    }

    /// <summary>Each site with its routes, in the order in which they are tried; nothing where no sites are set.</summary>
    private static void WriteSites(JsonElement status, TextWriter output)
    {
        var rows = new List<string[]> { SitesHeading };
        foreach (var site in Elements(status, "sites"))
        {
            var name = DescribeSite(site);
            foreach (var route in Elements(site, "routes"))
            {
                rows.Add([name, Text(route, "name"), Text(route, "takes"), Text(route, "does")]);
                name = "";
            }
        }

        if (rows.Count > 1)
        {
            output.WriteLine();
            JsonText.WriteTable(rows, output);
        }
    }

    private static List<JsonElement> Elements(JsonElement parent, string name) =>
        JsonText.Get(parent, name) is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray()] : [];

    /// <summary>Its name, its hosts where they are more than that, and its scheme where it has only one.</summary>
    private static string DescribeSite(JsonElement site)
    {
        var hosts = PrintableText.LineOf(string.Join(", ", Elements(site, "hosts")));
        var name = Text(site, "name");
        var scheme = Text(site, "scheme");
        return $"{name}{(hosts == name ? "" : $" ({hosts})")}{(scheme is "Both" or "" ? "" : $", {scheme.ToLowerInvariant()} only")}";
    }

    /// <param name="option">What commands need to be about this app.</param>
    private static void WriteApp(JsonElement status, string option, TextWriter output)
    {
        if (JsonText.Get(status, "rescue") is { ValueKind: JsonValueKind.Object } failed)
        {
            output.WriteLine($"DOWN since {Text(failed, "since")}: {Text(failed, "reason")}");
        }

        if (JsonText.Get(status, "pause") is { ValueKind: JsonValueKind.Object } pause)
        {
            output.WriteLine(
                $"PAUSED since {Text(pause, "since")}: {Text(status, "held")} requests wait, each for at most {Text(pause, "maxWait")}; " +
                    $"'edgeproxy resume{option}' lets them go");
        }

        if (JsonText.Get(status, "maintenance") is { ValueKind: JsonValueKind.Object } maintenance)
        {
            output.WriteLine(
                $"MAINTENANCE since {Text(maintenance, "since")}{UntilOf(maintenance)}: clients get 503; 'edgeproxy maintenance off{option}' ends it");
        }

        if (JsonText.Get(status, "places") is { ValueKind: JsonValueKind.Object } places)
        {
            output.WriteLine(DescribePlaces(places));
        }

        var rows = new List<string[]> { Heading };
        if (JsonText.Get(status, "slots") is { ValueKind: JsonValueKind.Object } slots)
        {
            rows.AddRange(slots.EnumerateObject().Select(slot => Row(slot.Name, slot.Value, slot.Name == Text(status, "active"))));
        }

        JsonText.WriteTable(rows, output);
        WriteCompanions(status, output);
        foreach (var (name, title) in (ReadOnlySpan<(string, string)>)[("switch", "running"), ("lastSwitch", "last")])
        {
            if (JsonText.Get(status, name) is { ValueKind: JsonValueKind.Object } run)
            {
                output.WriteLine(Describe(title, run));
            }
        }
    }

    /// <summary>Nothing where the app has none.</summary>
    private static void WriteCompanions(JsonElement status, TextWriter output)
    {
        var companions = Elements(status, "companions");
        if (companions.Count == 0)
        {
            return;
        }

        JsonText.WriteTable(
            [
                CompanionsHeading,
                .. companions.Select(one => (string[])
                [
                    Text(one, "name"),
                    Text(one, "slot") is { Length: > 0 } slot ? slot : "both",
                    Text(one, "unit"),
                    Text(one, "unitState"),
                ]),
            ],
            output);
    }

    private static string UntilOf(JsonElement maintenance) => Text(maintenance, "until") is { Length: > 0 } until ? $", until {until}" : "";

    private static string DescribePlaces(JsonElement places)
    {
        var limit = Text(places, "limit") is { Length: > 0 } most ? $" of {most}" : "";
        var waiting = Text(places, "oldestWait") is { Length: > 0 } oldest ? $", the first one for {oldest}" : "";
        return $"places: {Text(places, "used")}{limit} used, {Text(places, "queued")} requests wait{waiting}";
    }

    private static string Describe(string title, JsonElement run)
    {
        var how = Text(run, "outcome") is { Length: > 0 } outcome
            ? $"{outcome} after {Text(run, "duration")}"
            : $"in {Text(run, "phase")}";
        var reason = Text(run, "reason") is { Length: > 0 } because ? $": {because}" : "";
        return $"{title} switch {Text(run, "id")}, {Text(run, "from")} -> {Text(run, "to")}, {Text(run, "startedAt")}: " +
            $"{how}{reason}";
    }

    private static string[] Row(string name, JsonElement slot, bool isActive) =>
    [
        name,
        isActive ? "active"
            : Text(slot, "share") is { Length: > 0 } share and not "0" ? $"canary {share} %"
            : Text(slot, "warmUntil") is { Length: > 0 } until ? $"warm until {until}" : "idle",
        Text(slot, "unit"),
        Text(slot, "unitState"),
        Text(slot, "health"),
        Text(slot, "label"),
        JsonText.Get(slot, "inFlight") is { ValueKind: JsonValueKind.Object } inFlight
            ? string.Join(
                ' ',
                inFlight.EnumerateObject().Where(entry => entry.Value.ToString() != "0").Select(entry => $"{entry.Value} {entry.Name}")) is { Length: > 0 } text
                ? text
                : "0"
            : "",
        Text(slot, "requests"),
        Text(slot, "errors"),
        JsonText.Get(slot, "memory") is { ValueKind: JsonValueKind.Number } memory
            ? string.Create(CultureInfo.InvariantCulture, $"{memory.GetInt64() / 1048576.0:0.0} MB")
            : "",
    ];

    private static string Text(JsonElement from, string name) => PrintableText.LineOf(JsonText.Of(from, name));
}
