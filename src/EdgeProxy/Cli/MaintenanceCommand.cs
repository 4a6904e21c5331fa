using System.CommandLine;
using System.Globalization;
using EdgeProxy.Switching;

namespace EdgeProxy.Cli;

/// <summary><c>maintenance on|off</c>: tells clients to come back later.</summary>
internal static class MaintenanceCommand
{
    public static Command Create()
    {
        var state = new Argument<string>("on|off") { Description = "on: clients get 503 with Retry-After; requests for the health path still pass" };
        state.AcceptOnlyFromAmong("on", "off");
        var message = new Option<string?>("--message") { Description = "What clients are told, as plain text", HelpName = "text" };
        var length = DurationOption.Create("--for", "With on: end by itself after this time; without it when it is turned off");
        var command = new Command("maintenance", "Send clients 503 during longer work, or end that") { state, message, length };
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) =>
        {
            var on = parsed.GetValue(state) == "on";
            var body = new MaintenanceBody(on, parsed.GetValue(message) ?? "", parsed.GetValue(length));
            var response = await client.PostAsync(client.Of(TrafficApi.Maintenance), body, SwitchingJson.Relaxed.MaintenanceBody, cancellationToken);
            return TrafficReport.Done(
                parsed,
                client,
                response,
                on ? WordsOf(body.For, TrafficReport.OptionOf(client)) : "maintenance is off");
        });
        return command;
    }

    private static string WordsOf(TimeSpan? length, string option)
    {
        var end = length is { } time ? string.Create(CultureInfo.InvariantCulture, $"it ends in {time.TotalSeconds:0.###} s, ") : "";
        return $"maintenance is on: clients get 503; {end}'edgeproxy maintenance off{option}' ends it{(length is null ? "" : " before")}";
    }
}
