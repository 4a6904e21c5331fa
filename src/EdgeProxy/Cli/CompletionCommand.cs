using System.CommandLine;
using EdgeProxy.Common;

namespace EdgeProxy.Cli;

/// <summary><c>completion bash|zsh|fish</c>: prints a script for the shell, which asks this program for what may follow. So it never falls behind.</summary>
internal static class CompletionCommand
{
    /// <summary>The directive of System.CommandLine gets the words behind the program's name; of its responses those for other systems (<c>/?</c>) are left
    /// out.</summary>
    private const string Bash = """
        # bash completion for edgeproxy; made by 'edgeproxy completion bash'
        _edgeproxy() {
          local line=${COMP_LINE:0:COMP_POINT} word=${COMP_WORDS[COMP_CWORD]} candidates
          line=${line#*[[:space:]]}
          candidates=$(edgeproxy "[suggest:${#line}]" "$line" 2>/dev/null | grep '^[a-z-]')
          mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$word")
        }
        complete -o default -F _edgeproxy edgeproxy
        """;

    private const string Zsh = """
        #compdef edgeproxy
        # zsh completion for edgeproxy; made by 'edgeproxy completion zsh'
        _edgeproxy() {
          local line="${(j: :)words[2,CURRENT]}"
          local -a candidates
          candidates=(${(f)"$(edgeproxy "[suggest:${#line}]" "$line" 2>/dev/null | grep '^[a-z-]')"})
          if (( $#candidates )); then compadd -- $candidates; else _files; fi
        }
        if [ "$funcstack[1]" = _edgeproxy ]; then _edgeproxy "$@"; else compdef _edgeproxy edgeproxy; fi
        """;

    private const string Fish = """
        # fish completion for edgeproxy; made by 'edgeproxy completion fish'
        function __edgeproxy_candidates
            set -l words (commandline -opc)
            set -l line (string join ' ' -- $words[2..-1] "$(commandline -ct)")
            set -l found (edgeproxy "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null | string match -r '^[a-z-].*')
            if set -q found[1]
                printf '%s\n' $found
            else
                __fish_complete_path "$(commandline -ct)"
            end
        end
        complete -c edgeproxy -f -a '(__edgeproxy_candidates)'
        """;

    public static Command Create()
    {
        var shell = new Argument<string>("bash|zsh|fish") { Description = "The shell" };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print a completion script for a shell") { shell };
        command.SetAction(parsed =>
        {
            parsed.InvocationConfiguration.Output.WriteLine(parsed.GetValue(shell) switch
            {
                "bash" => Bash,
                "zsh" => Zsh,
                _ => Fish,
            });
            return ExitCode.Done;
        });
        return command;
    }
}
