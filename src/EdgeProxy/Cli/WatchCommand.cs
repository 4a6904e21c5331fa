using System.CommandLine;
using System.CommandLine.Parsing;
using EdgeProxy.Common;

namespace EdgeProxy.Cli;

/// <summary><c>watch</c>: the availability probe, a line a request. Takes the place of a curl loop beside a deploy.</summary>
internal static class WatchCommand
{
    public static Command Create()
    {
        var url = new Argument<Uri?>("url")
        {
            Description = "What to ask for, e.g. https://example.org/healthz",
            CustomParser = Url,
        };
        var interval = DurationOption.Create(
            "--interval", "Time between the starts of two requests", TimeSpan.FromMilliseconds(500), TimeSpan.FromMilliseconds(1));
        var count = new Option<int?>("--count") { Description = "End after so many requests; without it at Ctrl-C", HelpName = "n" };
        count.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() < 1)
            {
                result.AddError("--count must be 1 or more");
            }
        });
        var command = new Command(
            "watch", "Request a URL again and again, a line each, and sum up at the end; exit code 1 if any failed") { url, interval, count };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var interrupt = new Interrupt(cancellationToken);
            var watch = new AvailabilityWatch(parsed.GetValue(url)!, parsed.GetValue(interval), TimeProvider.System);
            return await watch.RunAsync(parsed.GetValue(count), parsed.InvocationConfiguration.Output, parsed.GetValue(JsonOption.Json), interrupt.Token)
                ? ExitCode.Done
                : ExitCode.Failed;
        });
        return command;
    }

    private static Uri? Url(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : $"http://{text}", UriKind.Absolute, out var url)
            && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps))
        {
            return url;
        }

        result.AddError($"'{text}' is not an http or https URL");
        return null;
    }
}
