using System.CommandLine;
using System.Net;
using System.Text.Json;
using EdgeProxy.Api;
using EdgeProxy.Common;
using EdgeProxy.Switching;

namespace EdgeProxy.Cli;

/// <summary><c>history</c>: the last switches, or one of them with the figures of each phase.</summary>
internal static class HistoryCommand
{
    private static readonly string[] _heading = ["SWITCH", "STARTED", "FROM", "TO", "LABEL", "OUTCOME", "DURATION", "SLOWEST PHASE"];
    private static readonly string[] _phaseHeading = ["PHASE", "STARTED", "DURATION", "", "DETAIL"];
    private static readonly string[] _hookHeading = ["HOOK", "COMMAND", "DURATION", "EXIT", "PROBLEM"];

    public static Command Create()
    {
        var id = new Argument<string?>("id")
        {
            Description = "The switch; without it a line for each of the last ones, newest first",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("history", "Show the last switches, or one of them with the figures of each phase") { id };
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) =>
        {
            var path = parsed.GetValue(id) is { } one ? SwitchApi.SwitchOf(Uri.EscapeDataString(one)) : SwitchApi.Switches;
            var response = await client.GetAsync(client.Of(path), cancellationToken);
            if (response.Status != HttpStatusCode.OK)
            {
                throw client.Refusal(response) is AdminUsageException unknown ? unknown
                    : response.Status == HttpStatusCode.NotFound && JsonText.Of(JsonText.ReadObject(response.Body), "detail") is { Length: > 0 } why
                    ? new AdminRefusedException(PrintableText.Of(why))
                    : client.Refusal(response);
            }

            var output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(JsonOption.Json))
            {
                await output.WriteLineAsync(response.Body);
            }
            else if (path == SwitchApi.Switches)
            {
                WriteList(JsonText.ReadObject(response.Body), output);
            }
            else
            {
                WriteOne(JsonText.ReadObject(response.Body), output);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static void WriteList(JsonElement response, TextWriter output)
    {
        var rows = new List<string[]> { _heading };
        foreach (var run in Items(response, "switches"))
        {
            // As text, since they are hh:mm:ss.fff.
            var slowest = Items(run, "phases").Cast<JsonElement?>().MaxBy(phase => JsonText.Of(phase!.Value, "duration"), StringComparer.Ordinal);
            rows.Add(
            [
                Text(run, "id"), Text(run, "startedAt"), Text(run, "from"), Text(run, "to"), Text(run, "label"), OutcomeOf(run), Text(run, "duration"),
                slowest is { } phase ? $"{Text(phase, "phase")} {Text(phase, "duration")}" : "",
            ]);
        }

        JsonText.WriteTable(rows, output);
    }

    private static void WriteOne(JsonElement run, TextWriter output)
    {
        output.WriteLine(
            $"switch {Text(run, "id")}, {Text(run, "from")} -> {Text(run, "to")}, label {(Text(run, "label") is { Length: > 0 } label ? label : "none")}");
        output.WriteLine($"{OutcomeOf(run)}, begun {Text(run, "startedAt")}, took {Text(run, "duration")}");
        if (Text(run, "reason") is { Length: > 0 } reason)
        {
            output.WriteLine(reason);
        }

        output.WriteLine();
        JsonText.WriteTable(
            [
                _phaseHeading,
                .. Items(run, "phases").Select(phase => new[]
                {
                    Text(phase, "phase"),
                    Text(phase, "startedAt"),
                    Text(phase, "duration"),
                    JsonText.Of(phase, "failed") == "True" ? "FAILED" : "",
                    Text(phase, "detail"),
                }),
            ],
            output);
        if (Items(run, "hooks") is { Count: > 0 } hooks)
        {
            output.WriteLine();
            JsonText.WriteTable(
                [
                    _hookHeading,
                    .. hooks.Select(hook => new[]
                    {
                        Text(hook, "hook"), Text(hook, "command"), Text(hook, "duration"), Text(hook, "exitStatus"), Text(hook, "problem"),
                    }),
                ],
                output);
        }

        WriteLines("output of the hooks", Items(run, "hooks").SelectMany(hook => Items(hook, "output")), output);
        WriteLines("unit log", Items(run, "unitLog"), output);
    }

    private static void WriteLines(string title, IEnumerable<JsonElement> lines, TextWriter output)
    {
        var all = lines.ToList();
        if (all.Count > 0)
        {
            output.WriteLine($"\n{title}:");
            all.ForEach(line => output.WriteLine($"  {PrintableText.Of(line.ToString())}"));
        }
    }

    private static string OutcomeOf(JsonElement run)
    {
        var outcome = Text(run, "outcome") is { Length: > 0 } ended ? ended : $"runs, in {Text(run, "phase")}";
        return JsonText.Of(run, "byRescue") == "True" ? $"{outcome} (failover)" : outcome;
    }

    private static string Text(JsonElement from, string name) => PrintableText.LineOf(JsonText.Of(from, name));

    /// <summary>A list that is not there is empty: the proxy may be of another version.</summary>
    private static IReadOnlyList<JsonElement> Items(JsonElement from, string name) =>
        JsonText.Get(from, name) is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray()] : [];
}
