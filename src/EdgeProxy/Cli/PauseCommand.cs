using System.CommandLine;
using System.Net;
using EdgeProxy.Switching;

namespace EdgeProxy.Cli;

/// <summary><c>pause</c>: lets no request into the app until <c>resume</c>, and returns when none is in it.</summary>
internal static class PauseCommand
{
    public static Command Create()
    {
        var maxWait = DurationOption.Create(
            "--max-wait",
            "How long a request waits before it gets 503, and how long those in the app may take to end",
            TimeSpan.FromSeconds(30),
            TimeSpan.FromMilliseconds(100));
        var command = new Command(
            "pause", "Hold every request until 'resume', and return when no ordinary request is in the app: for an incompatible migration") { maxWait };
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) =>
        {
            var wait = parsed.GetValue(maxWait);
            var response = await client.PostAsync(client.Of(TrafficApi.Pause), new PauseBody(wait), SwitchingJson.Relaxed.PauseBody, cancellationToken);
            return response.Status == HttpStatusCode.GatewayTimeout
                ? TrafficReport.Failed(parsed, client, response)
                : TrafficReport.Done(
                    parsed,
                    client,
                    response,
                    $"paused: no ordinary request is in the app, and each waits for at most {wait.TotalSeconds:0.###} s; 'edgeproxy " +
                        $"resume{TrafficReport.OptionOf(client)}' lets them go");
        });
        return command;
    }
}

/// <summary><c>resume</c>: ends a pause.</summary>
internal static class ResumeCommand
{
    public static Command Create()
    {
        var command = new Command("resume", "End a pause: requests that wait are served");
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) =>
            TrafficReport.Done(
                parsed,
                client,
                await client.PostAsync(client.Of(TrafficApi.Resume), new ResumeBody(), SwitchingJson.Relaxed.ResumeBody, cancellationToken),
                "resumed"));
        return command;
    }
}
