using System.CommandLine;
using System.Net;
using EdgeProxy.Json;

namespace EdgeProxy.Cli;

/// <summary><c>pause</c>: lets no request into the app until <c>resume</c>, and returns when none is in it.</summary>
internal static class PauseCommand
{
    public static Command Create()
    {
        var maxWait = Duration.Option(
            "--max-wait", "How long a request waits before it is answered with 503, and how long those in the app may take to end", TimeSpan.FromSeconds(30), TimeSpan.FromMilliseconds(100));
        var command = new Command("pause", "Hold every request until 'resume', and return when no ordinary request is in the app: for an incompatible migration") { maxWait };
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) =>
        {
            var wait = parsed.GetValue(maxWait);
            var answer = await client.PostAsync("pause", new PauseOrder(wait), ApiJson.Default.PauseOrder, cancellationToken);
            return answer.Status == HttpStatusCode.GatewayTimeout
                ? TrafficReport.Failed(parsed, client, answer)
                : TrafficReport.Done(parsed, client, answer, $"paused: no ordinary request is in the app, and each waits for at most {wait.TotalSeconds:0.###} s; 'edgeproxy resume' lets them go");
        });
        return command;
    }
}

/// <summary><c>resume</c>: ends a pause.</summary>
internal static class ResumeCommand
{
    public static Command Create()
    {
        var command = new Command("resume", "End a pause: whoever waits is served");
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) =>
            TrafficReport.Done(parsed, client, await client.PostAsync("resume", new ResumeOrder(), ApiJson.Default.ResumeOrder, cancellationToken), "resumed"));
        return command;
    }
}

/// <summary>The body of <c>POST /pause</c>.</summary>
internal sealed record PauseOrder(TimeSpan MaxWait);

/// <summary>The body of <c>POST /resume</c>.</summary>
internal sealed record ResumeOrder;
