using System.CommandLine;
using EdgeProxy.Switching;

namespace EdgeProxy.Cli;

/// <summary><c>promote</c>: lets the running switch go on before its time.</summary>
internal static class PromoteCommand
{
    public static Command Create() => EndWait.Create(
        "promote",
        "Let the running switch go on: after a preview, or with all clients, whatever is left of a canary",
        SwitchApi.Promote,
        SwitchOutcome.Completed);
}

/// <summary><c>abort</c>: calls the running switch back.</summary>
internal static class AbortCommand
{
    public static Command Create() => EndWait.Create(
        "abort",
        "Call the running switch back: the new version is stopped, and the old one serves everybody",
        SwitchApi.Abort,
        SwitchOutcome.Aborted,
        SwitchOutcome.RolledBack);
}

/// <summary>A verb that ends the wait of the running switch, and tells how it goes until it has ended.</summary>
file static class EndWait
{
    public static Command Create(string verb, string description, string path, params IReadOnlyList<SwitchOutcome> wanted)
    {
        var command = new Command(verb, description);
        new ClientOptions().SetAction(command, (parsed, client, cancellationToken) => SwitchFollower.Create(parsed, client).FollowAsync(
            token => client.PostAsync($"{client.Of(path)}?{SwitchApi.Wait}=false", new EndWaitBody(), SwitchingJson.Relaxed.EndWaitBody, token),
            cancellationToken,
            wanted));
        return command;
    }
}
