using System.CommandLine;
using System.Net;
using EdgeProxy.Api;
using EdgeProxy.Common;
using EdgeProxy.Handover;

namespace EdgeProxy.Cli;

/// <summary><c>reload</c>: has a new process take over, with the settings and the program as they are now.</summary>
internal static class ReloadCommand
{
    public static Command Create()
    {
        var command = new Command(
            "reload", "Check the settings, and have a new process take over with them and with the installed version: no request waits, none is cut");
        new ClientOptions(isOfApp: false).SetAction(command, async (parsed, client, cancellationToken) =>
        {
            var response = await client.PostAsync(HandoverApi.Handover, new HandoverBody(), HandoverApiJson.Relaxed.HandoverBody, cancellationToken);
            if (response.Status == HttpStatusCode.NotFound)
            {
                throw new AdminRefusedException("the version that runs cannot hand over; systemctl restart edgeproxy loses nothing either");
            }

            if (response.Status != HttpStatusCode.OK)
            {
                throw client.Refusal(response);
            }

            var output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(JsonOption.Json))
            {
                await output.WriteLineAsync(response.Body);
                return ExitCode.Done;
            }

            var done = response.Read(HandoverApiJson.Default.HandoverView);
            foreach (var change in done.Changes)
            {
                await output.WriteLineAsync(PrintableText.Of($"{change.Key}: {Shown(change.Old)} -> {Shown(change.New)}"));
            }

            await output.WriteLineAsync($"process {done.Pid} has taken over; settings changed: {done.Changes.Count}");
            return ExitCode.Done;
        });
        return command;
    }

    private static string Shown(string? value) => value is null ? "not set" : $"\"{value}\"";
}
