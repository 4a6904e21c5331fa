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

            Write(ReadObject(answer.Body), output);
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>For people: a line on the proxy, a table of the slots, a line on what runs or ran last. Fields that are not there are blank.</summary>
    internal static void Write(JsonElement status, TextWriter output)
    {
        output.WriteLine($"edgeproxy {Text(status, "version")}, pid {Text(status, "pid")}, up {Text(status, "uptime")}; traffic is on {Text(status, "active")}");
        if (Get(status, "rescue") is { ValueKind: JsonValueKind.Object } failed)
        {
            output.WriteLine($"DOWN since {Text(failed, "since")}: {Text(failed, "reason")}");
        }

        if (Get(status, "pause") is { ValueKind: JsonValueKind.Object } pause)
        {
            output.WriteLine($"PAUSED since {Text(pause, "since")}: {Text(status, "held")} requests wait, each for at most {Text(pause, "maxWait")}; 'edgeproxy resume' lets them go");
        }

        if (Get(status, "maintenance") is { ValueKind: JsonValueKind.Object } maintenance)
        {
            output.WriteLine($"MAINTENANCE since {Text(maintenance, "since")}: visitors are turned away; 'edgeproxy maintenance off' lets them in");
        }

        var rows = new List<string[]> { Heading };
        if (Get(status, "slots") is { ValueKind: JsonValueKind.Object } slots)
        {
            rows.AddRange(slots.EnumerateObject().Select(slot => Row(slot.Name, slot.Value, slot.Name == Text(status, "active"))));
        }

        Table(rows, output);
        foreach (var (name, title) in (ReadOnlySpan<(string, string)>)[("switch", "running"), ("lastSwitch", "last")])
        {
            if (Get(status, name) is { ValueKind: JsonValueKind.Object } run)
            {
                output.WriteLine(Describe(title, run));
            }
        }
    }

    private static string Describe(string title, JsonElement run)
    {
        var how = Text(run, "outcome") is { Length: > 0 } outcome ? $"{outcome} after {Text(run, "duration")}" : $"in {Text(run, "phase")}";
        var reason = Text(run, "reason") is { Length: > 0 } because ? $": {because}" : "";
        return $"{title} switch {Text(run, "id")}, {Text(run, "from")} -> {Text(run, "to")}, {Text(run, "startedAt")}: {how}{reason}";
    }

    private static string[] Row(string name, JsonElement slot, bool isActive) =>
    [
        name,
        isActive ? "active" : Text(slot, "warmUntil") is { Length: > 0 } until ? $"warm until {until}" : "idle",
        Text(slot, "unit"),
        Text(slot, "unitState"),
        Text(slot, "health"),
        Text(slot, "label"),
        Get(slot, "inFlight") is { ValueKind: JsonValueKind.Object } inFlight
            ? string.Join(' ', inFlight.EnumerateObject().Where(entry => entry.Value.ToString() != "0").Select(entry => $"{entry.Value} {entry.Name}")) is { Length: > 0 } text ? text : "0"
            : "",
        Text(slot, "requests"),
        Text(slot, "errors"),
        Get(slot, "memory") is { ValueKind: JsonValueKind.Number } memory ? string.Create(CultureInfo.InvariantCulture, $"{memory.GetInt64() / 1048576.0:0.0} MB") : "",
    ];

    private static void Table(List<string[]> rows, TextWriter output)
    {
        var widths = Enumerable.Range(0, Heading.Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
        {
            output.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }

    private static JsonElement ReadObject(string body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : throw new JsonException("not an object");
        }
        catch (JsonException e)
        {
            throw new AdminUnreachableException($"what answers there is not an EdgeProxy: {e.Message}", e);
        }
    }

    private static JsonElement? Get(JsonElement from, string name) => from.TryGetProperty(name, out var value) ? value : null;

    private static string Text(JsonElement from, string name) => Get(from, name) is { ValueKind: not JsonValueKind.Null } value ? value.ToString() : "";
}
