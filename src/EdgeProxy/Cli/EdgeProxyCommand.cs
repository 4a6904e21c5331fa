using System.CommandLine;
using System.CommandLine.Invocation;
using EdgeProxy.Cli.Top;
using EdgeProxy.Common;

namespace EdgeProxy.Cli;

/// <summary>The command line: one verb a file, <c>run</c> where none is given.</summary>
internal static class EdgeProxyCommand
{
    /// <summary>Parses and runs.</summary>
    /// <param name="arguments">Without the program's name.</param>
    /// <param name="output">Null: standard output.</param>
    /// <param name="error">Null: standard error.</param>
    /// <param name="cancellationToken">Ends the verb as Ctrl-C does.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static async Task<int> InvokeAsync(
        IReadOnlyList<string> arguments, TextWriter? output = null, TextWriter? error = null, CancellationToken cancellationToken = default)
    {
        var configuration = new InvocationConfiguration
        {
            Output = output ?? Console.Out,
            Error = error ?? Console.Error,
            // Verbs that want signals take them themselves; the library's own handler would end the server two seconds after SIGTERM.
            ProcessTerminationTimeout = null,
            EnableDefaultExceptionHandler = false,
        };
        // An argument that starts with @ is itself, not a file of arguments.
        var parsed = Create().Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        return parsed.Action is ParseErrorAction
            ? Explain(parsed, configuration.Error)
            : await parsed.InvokeAsync(configuration, cancellationToken);
    }

    /// <summary>The tree of all verbs.</summary>
    internal static RootCommand Create()
    {
        var root = new RootCommand("EdgeProxy: the front door and blue/green switch point of an app on one server. Without a verb it serves, as 'run' does.")
        {
            RunCommand.Create(),
            CheckCommand.Create(),
            RoutesCommand.Create(),
            PolkitRuleCommand.Create(),
            DemoCommand.Create(),
            StatusCommand.Create(),
            TopCommand.Create(),
            HistoryCommand.Create(),
            ReloadCommand.Create(),
            SwitchCommand.Create(),
            RollbackCommand.Create(),
            PreviewCommand.Create(),
            PromoteCommand.Create(),
            AbortCommand.Create(),
            PauseCommand.Create(),
            ResumeCommand.Create(),
            MaintenanceCommand.Create(),
            CertificatesCommand.Create(),
            FleetCommand.Create(),
            ImportCommand.ForCaddy(),
            ImportCommand.ForNginx(),
            WatchCommand.Create(),
            VersionCommand.Create(),
            CompletionCommand.Create(),
            SampleBackendCommand.Create(),
            ExecChildCommand.Create(),
            JsonOption.Json,
        };
        root.Add(ManPage.CreateCommand(root));
        RunCommand.MakeDefault(root);
        CommandText.AddTo(root);
        return root;
    }

    private static int Explain(ParseResult parsed, TextWriter error)
    {
        foreach (var problem in parsed.Errors)
        {
            error.WriteLine($"edgeproxy: {problem.Message}");
        }

        var verb = parsed.CommandResult.Command is RootCommand ? "" : $" {parsed.CommandResult.Command.Name}";
        error.WriteLine($"edgeproxy: see 'edgeproxy{verb} --help'");
        return ExitCode.Usage;
    }
}
