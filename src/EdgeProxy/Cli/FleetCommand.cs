using System.CommandLine;
using System.Net;
using System.Text.Json;
using EdgeProxy.Api;
using EdgeProxy.Common;
using EdgeProxy.Fleet;

namespace EdgeProxy.Cli;

/// <summary><c>fleet</c>: who is there and what each does; what is asked of a fleet beside switches; <c>fleet key</c>: the secret of its
/// nodes.</summary>
internal static class FleetCommand
{
    private static readonly string[] Heading = ["NODE", "STATE", "THERE", "EPOCH", "SAYS"];

    public static Command Create()
    {
        var command = new Command("fleet", "Show the machines that switch as one: who is there, and at which epoch")
        {
            CreateRemove(),
            CreateAsking("restore", "Make what this node serves the fleet's state, after etcd has lost it or got an old backup back", FleetApi.Restore),
            CreateAsking("adopt", "Try again at once to come to the fleet's version", FleetApi.Adopt),
            CreateStage(),
            CreateKey(),
        };
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) =>
            Show(parsed, client, await client.GetAsync(client.Of(FleetApi.Fleet), cancellationToken)));
        return command;
    }

    private static Command CreateRemove()
    {
        var node = new Argument<string>("node") { Description = "A machine that does not come back" };
        var command = new Command("remove", "Forget a node: later switches do not wait for it") { node };
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) => Show(
            parsed,
            client,
            await client.DeleteAsync(client.Of(FleetApi.MemberOf(parsed.GetValue(node)!)), cancellationToken)));
        return command;
    }

    private static Command CreateStage()
    {
        var label = new Argument<string>("label") { Description = "As the switch will have it, e.g. a commit" };
        var command = new Command("stage", "Note what the idle slot of this node has now: it takes no part in a switch to anything else") { label };
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) => Show(
            parsed,
            client,
            await client.PostAsync(
                client.Of(FleetApi.Stage), new FleetStageBody(parsed.GetValue(label)), FleetApiJson.Relaxed.FleetStageBody, cancellationToken)));
        return command;
    }

    private static Command CreateAsking(string name, string description, string path)
    {
        var command = new Command(name, description);
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) =>
            Show(parsed, client, await client.PostAsync(client.Of(path), new FleetBody(), FleetApiJson.Relaxed.FleetBody, cancellationToken)));
        return command;
    }

    private static Command CreateKey()
    {
        var command = new Command("key", "Print a new secret for Fleet:KeyFile; every node of the fleet gets the same, readable for the proxy alone");
        command.SetAction(parsed =>
        {
            parsed.InvocationConfiguration.Output.WriteLine(FleetKey.Create());
            return ExitCode.Done;
        });
        return command;
    }

    private static int Show(ParseResult parsed, AdminClient client, AdminResponse response)
    {
        if (response.Status != HttpStatusCode.OK)
        {
            throw client.Refusal(response, isDecidedElsewhere: true);
        }

        var output = parsed.InvocationConfiguration.Output;
        if (parsed.GetValue(JsonOption.Json))
        {
            output.WriteLine(response.Body);
            return ExitCode.Done;
        }

        var fleet = JsonText.ReadObject(response.Body);
        var label = JsonText.Of(fleet, "label");
        var ready = JsonText.Of(fleet, "ready") == bool.TrueString ? "ready" : $"not ready: {JsonText.Of(fleet, "why")}";
        output.WriteLine(
            $"fleet {JsonText.Of(fleet, "name")}: {JsonText.Of(fleet, "slot")}{(label.Length > 0 ? $", {label}" : "")}; this is {JsonText.Of(fleet, "node")}, "
            + $"at epoch {JsonText.Of(fleet, "epoch")}, {ready}");
        if (JsonText.Get(fleet, "etcd") is { } etcd && JsonText.Of(etcd, "reached") != bool.TrueString)
        {
            output.WriteLine("etcd does not respond: what follows was known before");
        }

        if (JsonText.Get(fleet, "switch") is { ValueKind: JsonValueKind.Object } running)
        {
            output.WriteLine($"switch {JsonText.Of(running, "id")} is in {JsonText.Of(running, "phase")}, driven by {JsonText.Of(fleet, "coordinator")}");
        }

        if (JsonText.Get(fleet, "nodes") is { ValueKind: JsonValueKind.Array } nodes)
        {
            JsonText.WriteTable([Heading, .. nodes.EnumerateArray().Select(Row)], output);
        }

        return ExitCode.Done;
    }

    private static string[] Row(JsonElement node) =>
    [
        JsonText.Of(node, "node"),
        JsonText.Of(node, "state"),
        JsonText.Of(node, "alive") == bool.TrueString ? "yes" : "no",
        JsonText.Of(node, "epoch"),
        JsonText.Of(node, "vote"),
    ];
}
