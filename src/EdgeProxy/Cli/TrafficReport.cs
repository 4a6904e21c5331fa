using System.CommandLine;
using System.Net;
using EdgeProxy.Api;
using EdgeProxy.Common;

namespace EdgeProxy.Cli;

/// <summary>Tells what became of a pause, its end, or maintenance: a line for people, the status with <c>--json</c>.</summary>
internal static class TrafficReport
{
    public static int Done(ParseResult parsed, AdminClient client, AdminResponse response, string words)
    {
        if (response.Status != HttpStatusCode.OK)
        {
            throw client.Refusal(response);
        }

        parsed.InvocationConfiguration.Output.WriteLine(parsed.GetValue(JsonOption.Json) ? response.Body : words);
        return ExitCode.Done;
    }

    /// <summary>What a command that is named to a person needs to be about the same app.</summary>
    public static string OptionOf(AdminClient client) => client.App is null ? "" : $" --app {client.App}";

    /// <summary>The proxy has done its part, and it did not work out.</summary>
    public static int Failed(ParseResult parsed, AdminClient client, AdminResponse response)
    {
        parsed.InvocationConfiguration.Error.WriteLine($"edgeproxy: {client.Refusal(response).Message}");
        return ExitCode.Failed;
    }
}
