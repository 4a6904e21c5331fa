using System.CommandLine;
using EdgeProxy.Common;

namespace EdgeProxy.Cli.Top;

/// <summary><c>top</c>: slots, requests, latency, queue and the switch, drawn again and again.</summary>
internal static class TopCommand
{
    /// <summary>Cursor to the upper left corner, and away with what is below (ECMA-48: CUP, ED).</summary>
    private const string Home = "\e[H\e[J";

    public static Command Create()
    {
        var interval = DurationOption.Create("--interval", "Time between two pictures", TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(100));
        var once = new Option<bool>("--once") { Description = "One picture, of one interval, then end: for scripts" };
        var command = new Command("top", "Watch slots, requests, latency, queue and the switch live, until Ctrl-C") { interval, once };
        new ClientOptions().SetAction(command, async (parsed, client, cancellationToken) =>
        {
            var (output, time) = (parsed.InvocationConfiguration.Output, TimeProvider.System);
            var isTerminal = ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected && !parsed.GetValue(once);
            var before = await TopSample.ReadAsync(client, time, cancellationToken);
            while (true)
            {
                try
                {
                    await Task.Delay(parsed.GetValue(interval), time, cancellationToken);
                }
                catch (OperationCanceledException)
                {
                    return ExitCode.Done; // Ctrl-C is how it ends
                }

                var now = await TopSample.ReadAsync(client, time, cancellationToken);
                using var picture = new StringWriter();
                TopScreen.Write(before, now, time.GetElapsedTime(before.At, now.At), picture);
                await output.WriteAsync($"{(isTerminal ? Home : "")}{picture}");
                if (parsed.GetValue(once))
                {
                    return ExitCode.Done;
                }

                await output.WriteAsync(isTerminal ? "" : "\n");
                before = now;
            }
        });
        return command;
    }
}
