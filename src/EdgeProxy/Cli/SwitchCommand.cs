using System.CommandLine;
using EdgeProxy.Api;
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
        var canary = CanaryOption.Create();
        var preview = DurationOption.Create(
            "--preview",
            "Wait that long, before any client gets the new version, until 'promote' (or 'abort'); 'preview' prints a link to look at it");
        var leftOut = new LeftOutOptions();
        var noWait = new Option<bool>("--no-wait") { Description = "Return as soon as the switch has begun" };
        var waitLock = LockWait.CreateOption();
        var command = new Command(
            "switch", "Start the idle slot, prove it healthy, move all new requests to it, drain and stop the old one")
        {
            to, label, force, canary, preview, noWait, waitLock,
        };
        leftOut.AddTo(command);
        new ClientOptions().SetAction(command, (parsed, client, cancellationToken) =>
        {
            var (without, withoutLost) = leftOut.Read(parsed);
            var body = new SwitchBody(
                parsed.GetValue(to), parsed.GetValue(label), parsed.GetValue(force), parsed.GetValue(canary), parsed.GetValue(preview),
                without, withoutLost);
            var follower = SwitchFollower.Create(parsed, client);
            return parsed.GetValue(waitLock) is { } patience
                ? new LockWait(client, parsed.InvocationConfiguration.Error, patience, TimeProvider.System).RunAsync(follower, RunAsync, cancellationToken)
                : RunAsync(cancellationToken);

            Task<int> RunAsync(CancellationToken token) =>
                parsed.GetValue(noWait) ? follower.BeginAsync(AskAsync, token) : follower.FollowAsync(AskAsync, token);

            Task<AdminResponse> AskAsync(CancellationToken token) =>
                client.PostAsync($"{client.Of(SwitchApi.Switch)}?{SwitchApi.Wait}=false", body, SwitchingJson.Relaxed.SwitchBody, token);
        });
        return command;
    }
}
