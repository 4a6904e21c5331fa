using System.CommandLine;
using EdgeProxy.Common;
using EdgeProxy.Diagnostics;

namespace EdgeProxy.Cli;

/// <summary>The manual page edgeproxy(1), from the command tree and <see cref="CommandText"/>: in the macros of man(7).</summary>
internal static class ManPage
{
    /// <summary>The verb that prints it, for packages.</summary>
    public static Command CreateCommand(RootCommand root)
    {
        var command = new Command("man", "Print the manual page") { Hidden = true };
        command.SetAction(parsed =>
        {
            Write(root, parsed.InvocationConfiguration.Output);
            return ExitCode.Done;
        });
        return command;
    }

    public static void Write(RootCommand root, TextWriter page)
    {
        page.WriteLine($".TH EDGEPROXY 1 \"\" \"EdgeProxy {ProductVersion.Text}\" \"EdgeProxy\"");
        page.WriteLine(".SH NAME\nedgeproxy \\- front door and blue/green switch point of an app on one server");
        page.WriteLine(".SH SYNOPSIS");
        page.WriteLine(string.Join("\n.br\n", Verbs(root).Select(command => $".B edgeproxy {Text(command.Name)}\n{Text(Synopsis(command))}".TrimEnd())));

        page.WriteLine($".SH DESCRIPTION\n{Text(root.Description)}");
        page.WriteLine(".SH COMMANDS");
        foreach (var command in Verbs(root))
        {
            WriteVerb(command, page);
        }

        page.WriteLine(".SH OPTIONS OF ALL COMMANDS");
        foreach (var option in root.Options.Where(option => option.Recursive))
        {
            WriteOption(option, page);
        }

        page.WriteLine(".SH EXIT STATUS");
        foreach (var (code, meaning) in CommandText.ExitCodes)
        {
            page.WriteLine($".TP\n.B {code}\n{Text(meaning)}");
        }

        WriteFiles(page);
    }

    private static IEnumerable<Command> Verbs(RootCommand root) => root.Subcommands.Where(command => !command.Hidden);

    private static void WriteVerb(Command command, TextWriter page)
    {
        page.WriteLine($".SS {Text(command.Name)} {Text(Synopsis(command))}".TrimEnd());
        page.WriteLine(Text($"{command.Description?.TrimEnd('.')}."));
        foreach (var argument in command.Arguments)
        {
            page.WriteLine($".TP\n.I {Text(argument.HelpName ?? argument.Name)}\n{Text(argument.Description)}");
        }

        foreach (var option in command.Options.Where(option => !option.Hidden))
        {
            WriteOption(option, page);
        }

        foreach (var example in CommandText.ExamplesOf(command))
        {
            page.WriteLine($".PP\n{Text(example.Purpose)}\n.PP\n.RS 4\n.nf\n{Text(example.Line)}\n.fi\n.RE");
        }
    }

    private static void WriteOption(Option option, TextWriter page)
    {
        var names = Text(string.Join(", ", option.Aliases.Where(alias => alias.StartsWith('-')).Prepend(option.Name).Distinct()));
        page.WriteLine(ValueOf(option) is { Length: > 0 } value ? $".TP\n.BI \"{names} \" {Text(value)}" : $".TP\n.B {names}");
        page.WriteLine(Text(option.Description));
    }

    private static void WriteFiles(TextWriter page)
    {
        page.WriteLine(
            """
            .SH FILES
            .TP
            .I /etc/edgeproxy/appsettings.json
            The settings; without it the file beside the binary.
            .TP
            .I /var/lib/edgeproxy
            State: which slot is active, the history of switches, certificates, the admin token.
            .TP
            .I /run/edgeproxy/admin.sock
            The admin socket. Users who may write to it may switch.
            .SH ENVIRONMENT
            .TP
            .B EdgeProxy__SECTION__KEY
            Overrides a setting, such as EdgeProxy__Health__Path.
            .TP
            .B NO_COLOR
            No colours on a terminal.
            .SH SIGNALS
            .TP
            .B SIGHUP
            Checks the settings, opens the access log anew, and says whether a reload would change anything.
            .TP
            .B SIGUSR2
            Does what the verb reload does: a new process takes over.
            .TP
            .B SIGTERM
            Accepts nothing new, finishes what is in flight, and ends.
            .SH SEE ALSO
            .BR systemctl (1),
            .BR journalctl (1)
            """);
    }

    private static string Synopsis(Command command)
    {
        var options = command.Options.Where(option => !option.Hidden)
            .Select(option => $"[{option.Name}{(ValueOf(option) is { Length: > 0 } value ? $" {value}" : "")}]");
        return string.Join(' ', command.Arguments.Select(TermOf).Concat(options));
    }

    private static string TermOf(Argument argument)
    {
        var name = argument.HelpName ?? argument.Name;
        return argument.Arity.MinimumNumberOfValues == 0 ? $"[{name}]" : name;
    }

    private static string ValueOf(Option option) =>
        option.ValueType == typeof(bool)
            ? ""
            : option.HelpName ?? string.Join('|', option.GetCompletions(System.CommandLine.Completions.CompletionContext.Empty).Select(item => item.Label));

    /// <summary>As running text: what troff would take for a request or a hyphen is escaped (groff_char(7)).</summary>
    private static string Text(string? text)
    {
        var escaped = (text ?? "").Replace("\\", "\\(rs", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal)
            .Replace("'", "\\(aq", StringComparison.Ordinal);
        return escaped.StartsWith('.') ? $"\\&{escaped}" : escaped;
    }
}
