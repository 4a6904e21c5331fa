using System.CommandLine;
using System.CommandLine.Parsing;
using EdgeProxy.Cli;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Cli;

/// <summary>Help, examples, manual page and completion come from one tree; none may fall behind it.</summary>
public sealed class CommandTextTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> Verbs => [.. EdgeProxyCommand.Create().Subcommands.Where(command => !command.Hidden).Select(command => command.Name)];

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task Every_verb_has_examples_that_are_right(string verb)
    {
        var root = EdgeProxyCommand.Create();
        var examples = CommandText.ExamplesOf(root.Subcommands.Single(command => command.Name == verb));

        Assert.NotEmpty(examples);
        foreach (var example in examples)
        {
            // The shell's part is not ours: variables in front, what is behind a pipe or a redirection.
            foreach (var own in example.Line.Split(["&&", "|", ">"], StringSplitOptions.None).Select(part => part.Trim()).Where(
                part => part.Contains("edgeproxy ", StringComparison.Ordinal) && !part.StartsWith('/')))
            {
                var parsed = root.Parse(
                    [.. CommandLineParser.SplitCommandLine(own[(own.IndexOf("edgeproxy ", StringComparison.Ordinal) + "edgeproxy ".Length)..])]);
                Assert.True(parsed.Errors.Count == 0, $"{own}: {string.Join("; ", parsed.Errors.Select(error => error.Message))}");
            }
        }

        var help = (await CommandLine.RunAsync(verb, "--help")).Output;
        Assert.Contains(examples[0].Line, help, StringComparison.Ordinal);
        Assert.Contains("  4  refused", help, StringComparison.Ordinal);
    }

    /// <summary>Made anew: <c>edgeproxy man &gt; docs/edgeproxy.1</c>.</summary>
    [Fact]
    public async Task The_manual_page_is_fresh_and_names_every_verb_and_option()
    {
        var page = (await CommandLine.RunAsync("man")).Output;

        Assert.Equal(await File.ReadAllTextAsync(Repository.File("docs/edgeproxy.1"), Cancellation), page);
        foreach (var command in EdgeProxyCommand.Create().Subcommands.Where(command => !command.Hidden))
        {
            Assert.Contains($".SS {command.Name.Replace("-", "\\-", StringComparison.Ordinal)}", page, StringComparison.Ordinal);
            Assert.All(
                command.Options.Where(option => !option.Hidden),
                option => Assert.Contains(option.Name.Replace("-", "\\-", StringComparison.Ordinal), page, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task The_manual_page_is_understood_by_the_tools_that_show_it()
    {
        Tool.Demand("mandoc");
        var lint = await Tool.RunAsync("mandoc", ["-T", "lint", "-W", "warning", Repository.File("docs/edgeproxy.1")]);

        // A date would be wrong with the next change.
        Assert.All(
            lint.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries), complaint => Assert.Contains("missing date", complaint, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("edgeproxy sw", "switch")]
    [InlineData("edgeproxy switch --to ", "blue green")]
    [InlineData("edgeproxy switch --no", "--no-wait")]
    [InlineData("edgeproxy maintenance ", "on off")]
    [InlineData("edgeproxy sample", "")] // not for people
    public async Task Bash_completes(string line, string expected)
    {
        var completed = await Tool.RunAsync("bash", ["-c", $$"""
            source <({{Edgeproxy}} completion bash)
            edgeproxy() { {{Edgeproxy}} "$@"; }
            COMP_LINE=$1 COMP_POINT=${#1}
            read -ra COMP_WORDS <<< "$1"
            [[ $1 == *' ' ]] && COMP_WORDS+=('')
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _edgeproxy
            echo "${COMPREPLY[@]}"
            """, "bash", line]);

        Assert.Equal((0, ""), (completed.ExitCode, completed.Error));
        Assert.True(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).ToHashSet().IsSubsetOf(completed.Output.Split()), completed.Output);
        Assert.True(expected != "" || completed.Output.Trim() == "", completed.Output);
    }

    [Fact]
    public async Task Zsh_completes()
    {
        Tool.Demand("zsh");
        var completed = await Tool.RunAsync("zsh", ["-f", "-c", $$"""
            compdef() { }
            compadd() { shift; print -l -- "$@" }
            edgeproxy() { {{Edgeproxy}} "$@" }
            source <({{Edgeproxy}} completion zsh)
            words=(edgeproxy switch --to '') CURRENT=4
            _edgeproxy
            """]);

        Assert.Equal((0, ""), (completed.ExitCode, completed.Error));
        Assert.Equal(["blue", "green"], completed.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("edgeproxy sw", "switch")]
    [InlineData("edgeproxy switch --to ", "blue green")]
    [InlineData("edgeproxy switch --no", "--no-wait")]
    [InlineData("edgeproxy check --config /etc/host", "/etc/hosts")] // files, where nothing else is to be said
    public async Task Fish_completes(string line, string expected)
    {
        Tool.Demand("fish");
        var completed = await Tool.RunAsync("fish", ["--no-config", "-c", $$"""
            function edgeproxy; {{Edgeproxy}} $argv; end
            {{Edgeproxy}} completion fish | source
            complete -C $argv[1]
            """, line]);

        Assert.Equal((0, ""), (completed.ExitCode, completed.Error));
        Assert.True(expected.Split(' ').ToHashSet().IsSubsetOf(completed.Output.Split()), completed.Output);
    }

    private static string Edgeproxy => EdgeProxy.Units.Process.CommandTemplate.Quote(EdgeProxy.Processes.ChildLauncher.OwnExecutable);
}
