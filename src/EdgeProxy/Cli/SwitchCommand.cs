using System.CommandLine;
using System.Net;
using System.Text.Json;
using EdgeProxy.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching;

namespace EdgeProxy.Cli;

/// <summary><c>switch</c>: moves traffic to the other slot and says what happens as it happens.</summary>
internal static class SwitchCommand
{
    public static Command Create()
    {
        var to = new Option<string?>("--to") { Description = "The slot that is to get the traffic; without it the idle one" };
        to.AcceptOnlyFromAmong("blue", "green");
        var label = new Option<string?>("--label") { Description = "What is deployed, e.g. a commit; shown in status and history", HelpName = "text" };
        var force = new Option<bool>("--force") { Description = "End what still drains in the target, and skip the memory check; nothing skips the probe" };
        var noWait = new Option<bool>("--no-wait") { Description = "Return as soon as the switch has begun" };
        var command = new Command("switch", "Start the idle slot, prove it healthy, move all new requests to it, drain and stop the old one") { to, label, force, noWait };
        new ClientOptions().SetAction(command, (parsed, client, cancellationToken) =>
        {
            SlotName? target = SlotNameExtensions.TryParse(parsed.GetValue(to), out var slot) ? slot : null;
            var order = new SwitchOrder(target, parsed.GetValue(label), parsed.GetValue(force));
            var report = new SwitchReport(parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, parsed.GetValue(EdgeProxyCommand.Json), TimeProvider.System);
            var call = new Call(token => client.PostAsync("switch?wait=false", order, ApiJson.Default.SwitchOrder, token));
            return parsed.GetValue(noWait) ? BeginAsync(client, call, report, cancellationToken) : FollowAsync(client, call, report, cancellationToken);
        });
        return command;
    }

    /// <summary>Asks for the switch, and does not wait for its end.</summary>
    internal delegate Task<AdminAnswer> Call(CancellationToken cancellationToken);

    private static async Task<int> BeginAsync(AdminClient client, Call call, SwitchReport report, CancellationToken cancellationToken)
    {
        var answer = await call(cancellationToken);
        if (answer.Status != HttpStatusCode.Accepted)
        {
            return Refused(client, answer, report);
        }

        report.Begun(answer.Read(ApiJson.Default.Switch));
        return ExitCode.Done;
    }

    /// <summary>Listens first, so that no phase is missed; the switch itself does not depend on this connection.</summary>
    internal static async Task<int> FollowAsync(AdminClient client, Call call, SwitchReport report, CancellationToken cancellationToken)
    {
        var events = await client.ListenAsync(cancellationToken);
        var answer = await call(cancellationToken);
        if (answer.Status != HttpStatusCode.Accepted)
        {
            return Refused(client, answer, report);
        }

        var begun = answer.Read(ApiJson.Default.Switch);
        report.Following(begun);
        var ended = await EndAsync(client, events, begun.Id, report, cancellationToken);
        report.Ended(ended);
        // One that had begun before we asked was called back: then its rollback is what was wanted.
        return begun.Phases.Count > 0 && ended.Outcome == SwitchOutcome.RolledBack ? ExitCode.Done : ExitCode.Of(ended.Outcome!.Value);
    }

    private static async Task<Switch> EndAsync(
        AdminClient client, IAsyncEnumerable<System.Net.ServerSentEvents.SseItem<string>> events, string id, SwitchReport report, CancellationToken cancellationToken)
    {
        await foreach (var @event in events.WithCancellation(cancellationToken))
        {
            // One switch runs at a time, and ours has begun: every phase is ours.
            if (@event.EventType == "phase" && JsonSerializer.Deserialize(@event.Data, ApiJson.Default.PhaseRun) is { } phase)
            {
                report.Phase(phase);
            }
            else if (@event.EventType == "switch"
                && JsonSerializer.Deserialize(@event.Data, ApiJson.Default.Switch) is { Outcome: not null } ended && ended.Id == id)
            {
                return ended;
            }
        }

        // The proxy closed the stream: it stopped, or this client was too slow.
        var answer = await client.GetAsync($"switches/{id}", cancellationToken);
        return answer.Status == HttpStatusCode.OK && answer.Read(ApiJson.Default.Switch) is { Outcome: not null } last
            ? last
            : throw new AdminUnreachableException($"the proxy stopped telling how switch {id} goes on; 'edgeproxy status' shows where traffic is");
    }

    private static int Refused(AdminClient client, AdminAnswer answer, SwitchReport report)
    {
        // The body of a conflict is the switch that runs.
        if (answer.Status == HttpStatusCode.Conflict && answer.Body.Contains("\"startedAt\"", StringComparison.Ordinal))
        {
            report.Busy(answer.Read(ApiJson.Default.Switch));
            return ExitCode.Refused;
        }

        throw client.Refusal(answer);
    }
}

/// <summary>The body of <c>POST /switch</c>.</summary>
internal sealed record SwitchOrder(SlotName? To, string? Label, bool Force);
