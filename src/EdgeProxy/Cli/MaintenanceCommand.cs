using System.CommandLine;
using EdgeProxy.Json;

namespace EdgeProxy.Cli;

/// <summary><c>maintenance on|off</c>: tells visitors to come back later.</summary>
internal static class MaintenanceCommand
{
    public static Command Create()
    {
        var state = new Argument<string>("on|off") { Description = "on: visitors get 503 with Retry-After; the health path still passes" };
        state.AcceptOnlyFromAmong("on", "off");
        var message = new Option<string?>("--message") { Description = "What visitors read, as plain text", HelpName = "text" };
        var command = new Command("maintenance", "Turn visitors away for a while, or let them in again") { state, message };
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) =>
        {
            var on = parsed.GetValue(state) == "on";
            var order = new MaintenanceOrder(on, parsed.GetValue(message) ?? "");
            var answer = await client.PostAsync("maintenance", order, ApiJson.Default.MaintenanceOrder, cancellationToken);
            return TrafficReport.Done(parsed, client, answer, on ? "maintenance is on: visitors get 503; 'edgeproxy maintenance off' lets them in" : "maintenance is off");
        });
        return command;
    }
}

/// <summary>The body of <c>POST /maintenance</c>.</summary>
internal sealed record MaintenanceOrder(bool On, string Message);
