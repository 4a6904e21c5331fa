using System.Globalization;
using System.Text.Json;
using EdgeProxy.Common;

namespace EdgeProxy.Cli.Top;

/// <summary>Draws two samples as text: the rates and latencies in between, the rest as it is at the second one.</summary>
internal static class TopScreen
{
    private static readonly string[] _heading = ["SLOT", "", "HEALTH", "LABEL", "IN FLIGHT", "REQ/S", "5XX/S", "P50", "P95", "P99", "MEMORY"];

    public static void Write(TopSample before, TopSample now, TimeSpan between, TextWriter output)
    {
        output.WriteLine(
            $"edgeproxy {Text(now.Status, "version")}, pid {Text(now.Status, "pid")}, up {Text(now.Status, "uptime")}");
        foreach (var app in Members(now.Status, "apps"))
        {
            var earlier = JsonText.Get(before.Status, "apps") is { ValueKind: JsonValueKind.Object } apps ? JsonText.Get(apps, app.Name) : null;
            output.WriteLine();
            WriteApp(app.Name, earlier, app.Value, before, now, between, output);
        }
    }

    private static void WriteApp(
        string name, JsonElement? earlier, JsonElement app, TopSample before, TopSample now, TimeSpan between, TextWriter output)
    {
        output.WriteLine($"app {PrintableText.Of(name)}: traffic is on {Text(app, "active")}{QueueOf(app)}");
        if (JsonText.Get(app, "rescue") is { ValueKind: JsonValueKind.Object } failed)
        {
            output.WriteLine($"DOWN since {Text(failed, "since")}: {Text(failed, "reason")}");
        }

        foreach (var (member, word) in (ReadOnlySpan<(string, string)>)[("pause", "PAUSED"), ("maintenance", "MAINTENANCE")])
        {
            if (JsonText.Get(app, member) is { ValueKind: JsonValueKind.Object } closed)
            {
                output.WriteLine($"{word} since {Text(closed, "since")}{(Text(closed, "until") is { Length: > 0 } until ? $", until {until}" : "")}");
            }
        }

        var rows = new List<string[]> { _heading };
        var slotsBefore = earlier is { } then ? JsonText.Get(then, "slots") : null;
        foreach (var slot in Members(app, "slots"))
        {
            var slotBefore = slotsBefore is { ValueKind: JsonValueKind.Object } all ? JsonText.Get(all, slot.Name) : null;
            rows.Add(
            [
                slot.Name,
                slot.Name == JsonText.Of(app, "active") ? "active" : JsonText.Of(slot.Value, "warmUntil").Length > 0 ? "warm" : "idle",
                Text(slot.Value, "health"),
                Text(slot.Value, "label"),
                Sum(slot.Value, "inFlight"),
                Rate(slotBefore, slot.Value, "requests", between),
                Rate(slotBefore, slot.Value, "errors", between),
                .. ((double[])[0.5, 0.95, 0.99]).Select(share => Milliseconds(now.Latency.Quantile(name, slot.Name, share, before.Latency))),
                JsonText.Get(slot.Value, "memory") is { ValueKind: JsonValueKind.Number } memory ? $"{memory.GetInt64() >> 20} MB" : "",
            ]);
        }

        JsonText.WriteTable(rows, output);
        WriteSwitch(app, output);
    }

    private static string QueueOf(JsonElement app)
    {
        var held = JsonText.Of(app, "held") is { Length: > 0 } count && count != "0" ? $"; {count} requests are held" : "";
        return JsonText.Get(app, "places") is { ValueKind: JsonValueKind.Object } places
            ? $"; {Text(places, "used")} places used, {Text(places, "queued")} requests in the queue{held}"
            : held;
    }

    private static void WriteSwitch(JsonElement app, TextWriter output)
    {
        if (JsonText.Get(app, "switch") is { ValueKind: JsonValueKind.Object } running)
        {
            output.WriteLine($"switch {Text(running, "id")} to {Text(running, "to")} runs for {Text(running, "duration")}, in {Text(running, "phase")}");
            if (JsonText.Get(running, "phases") is { ValueKind: JsonValueKind.Array } phases)
            {
                foreach (var phase in phases.EnumerateArray())
                {
                    output.WriteLine($"  {Text(phase, "phase"),-10} {Text(phase, "duration")}  {Text(phase, "detail")}".TrimEnd());
                }
            }
        }
        else if (JsonText.Get(app, "lastSwitch") is { ValueKind: JsonValueKind.Object } last)
        {
            output.WriteLine($"last switch {Text(last, "id")} to {Text(last, "to")}: {Text(last, "outcome")} after {Text(last, "duration")}");
        }
    }

    private static string Rate(JsonElement? before, JsonElement now, string member, TimeSpan between) =>
        before is { } then && long.TryParse(JsonText.Of(then, member), CultureInfo.InvariantCulture, out var first)
            && long.TryParse(JsonText.Of(now, member), CultureInfo.InvariantCulture, out var second) && between > TimeSpan.Zero
            ? string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, second - first) / between.TotalSeconds:0.0}")
            : "";

    private static string Milliseconds(double? seconds) =>
        seconds is { } value ? string.Create(CultureInfo.InvariantCulture, $"{value * 1000:0} ms") : "";

    private static string Sum(JsonElement from, string name) => Members(from, name).Sum(entry => entry.Value.TryGetInt32(out var count) ? count : 0)
        .ToString(CultureInfo.InvariantCulture);

    private static string Text(JsonElement from, string name) => PrintableText.LineOf(JsonText.Of(from, name));

    private static JsonElement.ObjectEnumerator Members(JsonElement from, string name) =>
        JsonText.Get(from, name) is { ValueKind: JsonValueKind.Object } members ? members.EnumerateObject() : default;
}
