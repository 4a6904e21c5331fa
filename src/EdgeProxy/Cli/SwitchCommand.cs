using System.CommandLine;
using EdgeProxy.Json;
using EdgeProxy.Slots;

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
            var follower = SwitchFollower.Create(parsed, client);
            return parsed.GetValue(noWait) ? follower.BeginAsync(AskAsync, cancellationToken) : follower.FollowAsync(AskAsync, cancellationToken);

            Task<AdminAnswer> AskAsync(CancellationToken token) => client.PostAsync("switch?wait=false", order, ApiJson.Default.SwitchOrder, token);
        });
        return command;
    }
}

/// <summary>The body of <c>POST /switch</c>.</summary>
internal sealed record SwitchOrder(SlotName? To, string? Label, bool Force);
