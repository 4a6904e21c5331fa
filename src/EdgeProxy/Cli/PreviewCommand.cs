using System.CommandLine;
using System.Globalization;
using System.Net;
using EdgeProxy.Common;
using EdgeProxy.Switching;

namespace EdgeProxy.Cli;

/// <summary><c>preview</c>: prints a link to the candidate of the switch that waits.</summary>
internal static class PreviewCommand
{
    public static Command Create()
    {
        var url = new Argument<string?>("url")
        {
            Description = "The page to begin with; without it the first one of the site, as the settings name it",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command(
            "preview", "Print a link with which a browser gets the new version that 'switch --preview' has started, and nobody else does") { url };
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) =>
        {
            var response = await client.PostAsync(
                client.Of(SwitchApi.Preview), new PreviewBody(parsed.GetValue(url)), SwitchingJson.Relaxed.PreviewBody, cancellationToken);
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

            var view = response.Read(SwitchingJson.Relaxed.PreviewView);
            await output.WriteLineAsync(PrintableText.Of(view.Link));
            await parsed.InvocationConfiguration.Error.WriteLineAsync(
                string.Create(CultureInfo.InvariantCulture, $"valid until {view.ExpiresAt.ToLocalTime():HH:mm:ss}, for everybody who has it"));
            return ExitCode.Done;
        });
        return command;
    }
}
