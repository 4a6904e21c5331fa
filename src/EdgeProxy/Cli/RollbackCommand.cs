using System.CommandLine;
using EdgeProxy.Switching;

namespace EdgeProxy.Cli;

/// <summary><c>rollback</c>: brings traffic back to the previous slot and says what happens as it happens.</summary>
internal static class RollbackCommand
{
    public static Command Create()
    {
        var force = new Option<bool>("--force")
        {
            Description = "Start the previous slot again also where both slots run from one directory; end what still drains in it, and skip the memory check",
        };
        var command = new Command(
            "rollback", "Bring traffic back to the previous slot: at once while it is observed, drains or is warm, else by a switch") { force };
        var leftOut = new LeftOutOptions();
        leftOut.AddTo(command);
        new ClientOptions().SetAction(command, (parsed, client, cancellationToken) =>
        {
            var (without, withoutLost) = leftOut.Read(parsed);
            var body = new RollbackBody(parsed.GetValue(force), without, withoutLost);
            return SwitchFollower.Create(parsed, client).FollowAsync(
                token =>
                    client.PostAsync($"{client.Of(SwitchApi.Rollback)}?{SwitchApi.Wait}=false", body, SwitchingJson.Relaxed.RollbackBody, token),
                cancellationToken);
        });
        return command;
    }
}
