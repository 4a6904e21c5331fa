using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text.Json;

namespace EdgeProxy.Cli;

/// <summary><c>status</c>: where traffic is, and how both slots are.</summary>
internal static class StatusCommand
{
    private static readonly string[] Heading = ["SLOT", "", "UNIT", "STATE", "HEALTH", "LABEL", "IN FLIGHT", "REQUESTS", "ERRORS", "MEMORY"];

    public static Command Create()
    {
        var command = new Command("status", "Show where traffic is, and how both slots are");
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) =>
        {
            var answer = await client.GetAsync("status", cancellationToken);
            if (answer.Status != HttpStatusCode.OK)
            {
                throw client.Refusal(answer);
            }

            var output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(EdgeProxyCommand.Json))
            {
                await output.WriteLineAsync(answer.Body);
                return ExitCode.Done;
            }

            Write(JsonText.ReadObject(answer.Body), output);
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>For people: a line on the proxy, a table of the slots, a line on what runs or ran last. Fields that are not there are blank.</summary>
    internal static void Write(JsonElement status, TextWriter output)
    {
        output.WriteLine($"edgeproxy {JsonText.Of(status, "version")}, pid {JsonText.Of(status, "pid")}, up {JsonText.Of(status, "uptime")}; traffic is on {JsonText.Of(status, "active")}");
        if (JsonText.Get(status, "rescue") is { ValueKind: JsonValueKind.Object } failed)
        {
            output.WriteLine($"DOWN since {JsonText.Of(failed, "since")}: {JsonText.Of(failed, "reason")}");
        }

        if (JsonText.Get(status, "pause") is { ValueKind: JsonValueKind.Object } pause)
        {
            output.WriteLine($"PAUSED since {JsonText.Of(pause, "since")}: {JsonText.Of(status, "held")} requests wait, each for at most {JsonText.Of(pause, "maxWait")}; 'edgeproxy resume' lets them go");
        }

        if (JsonText.Get(status, "maintenance") is { ValueKind: JsonValueKind.Object } maintenance)
        {
            output.WriteLine($"MAINTENANCE since {JsonText.Of(maintenance, "since")}: visitors are turned away; 'edgeproxy maintenance off' lets them in");
        }

        var rows = new List<string[]> { Heading };
        if (JsonText.Get(status, "slots") is { ValueKind: JsonValueKind.Object } slots)
        {
            rows.AddRange(slots.EnumerateObject().Select(slot => Row(slot.Name, slot.Value, slot.Name == JsonText.Of(status, "active"))));
        }

        JsonText.WriteTable(rows, output);
        foreach (var (name, title) in (ReadOnlySpan<(string, string)>)[("switch", "running"), ("lastSwitch", "last")])
        {
            if (JsonText.Get(status, name) is { ValueKind: JsonValueKind.Object } run)
            {
                output.WriteLine(Describe(title, run));
            }
        }
    }

    private static string Describe(string title, JsonElement run)
    {
        var how = JsonText.Of(run, "outcome") is { Length: > 0 } outcome ? $"{outcome} after {JsonText.Of(run, "duration")}" : $"in {JsonText.Of(run, "phase")}";
        var reason = JsonText.Of(run, "reason") is { Length: > 0 } because ? $": {because}" : "";
        return $"{title} switch {JsonText.Of(run, "id")}, {JsonText.Of(run, "from")} -> {JsonText.Of(run, "to")}, {JsonText.Of(run, "startedAt")}: {how}{reason}";
    }

    private static string[] Row(string name, JsonElement slot, bool isActive) =>
    [
        name,
        isActive ? "active" : JsonText.Of(slot, "warmUntil") is { Length: > 0 } until ? $"warm until {until}" : "idle",
        JsonText.Of(slot, "unit"),
        JsonText.Of(slot, "unitState"),
        JsonText.Of(slot, "health"),
        JsonText.Of(slot, "label"),
        JsonText.Get(slot, "inFlight") is { ValueKind: JsonValueKind.Object } inFlight
            ? string.Join(' ', inFlight.EnumerateObject().Where(entry => entry.Value.ToString() != "0").Select(entry => $"{entry.Value} {entry.Name}")) is { Length: > 0 } text ? text : "0"
            : "",
        JsonText.Of(slot, "requests"),
        JsonText.Of(slot, "errors"),
        JsonText.Get(slot, "memory") is { ValueKind: JsonValueKind.Number } memory ? string.Create(CultureInfo.InvariantCulture, $"{memory.GetInt64() / 1048576.0:0.0} MB") : "",
    ];
}
