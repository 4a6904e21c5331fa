using System.CommandLine;
using EdgeProxy.Api;
using EdgeProxy.Common;
using EdgeProxy.Demo;

namespace EdgeProxy.Cli;

/// <summary><c>demo</c>: the whole product on a sample app, without root, settings or systemd.</summary>
internal static class DemoCommand
{
    private const int DefaultPort = 8080;
    private const int DefaultAdminPort = 9900;

    public static Command Create()
    {
        var port = Port("--port", $"The public port; default {DefaultPort}, with --script any free one");
        var adminPort = Port("--admin-port", $"The admin port; default {DefaultAdminPort}, with --script any free one");
        var script = new Option<bool>("--script") { Description = "Perform three switches under load and end; exit code 1 if a request failed" };
        var django = new Option<bool>("--django") { Description = "Run gunicorn and a sample Django project instead of the built-in sample app" };
        var command = new Command("demo", "The whole thing on a sample app: no root, no systemd, no settings") { port, adminPort, script, django };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var scripted = parsed.GetValue(script);
            var plan = new DemoPlan(
                parsed.GetValue(port) ?? (scripted ? null : DefaultPort),
                parsed.GetValue(adminPort) ?? (scripted ? null : DefaultAdminPort),
                parsed.GetValue(django));
            using var interrupt = new Interrupt(cancellationToken);
            return await RunAsync(plan, scripted, parsed, interrupt.Token);
        });
        return command;
    }

    private static async Task<int> RunAsync(DemoPlan plan, bool scripted, ParseResult parsed, CancellationToken cancellationToken)
    {
        var (output, error) = (TextWriter.Synchronized(parsed.InvocationConfiguration.Output), TextWriter.Synchronized(parsed.InvocationConfiguration.Error));
        try
        {
            await using var site = await DemoSite.StartAsync(plan, cancellationToken);
            var tally = new LoadTally(failure => error.WriteLine($"failed: {failure}"));
            await using var load = new DemoLoad(new Uri(site.Settings.PublicUrl), tally, TimeProvider.System);
            if (scripted)
            {
                var script = new DemoScript(site, tally, output, parsed.GetValue(JsonOption.Json), TimeProvider.System);
                return await script.RunAsync(cancellationToken) ? ExitCode.Done : ExitCode.Failed;
            }

            await new DemoTour(site, tally, output, TimeProvider.System).RunAsync(cancellationToken);
            return ExitCode.Done;
        }
        catch (DemoException e)
        {
            await error.WriteLineAsync($"edgeproxy: {e.Message}");
            return e.ExitCode;
        }
        catch (AdminUnreachableException e)
        {
            await error.WriteLineAsync($"edgeproxy: {e.Message}");
            return ExitCode.Unreachable;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await error.WriteLineAsync("edgeproxy: interrupted");
            return ExitCode.Failed;
        }
    }

    private static Option<int?> Port(string name, string description)
    {
        var option = new Option<int?>(name) { Description = description, HelpName = "port" };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1 or > 65535)
            {
                result.AddError($"{name} must be 1 to 65535");
            }
        });
        return option;
    }
}
