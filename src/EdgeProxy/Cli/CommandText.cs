using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using EdgeProxy.Common;

namespace EdgeProxy.Cli;

/// <summary>A command line and what it is for.</summary>
internal sealed record Example(string Line, string Purpose);

/// <summary>What help and the man page say beside what the commands say of themselves. Both are written from here and from the command tree.</summary>
internal static class CommandText
{
    private static readonly Dictionary<string, Example[]> _examples = new()
    {
        ["run"] = [new("edgeproxy run --config /etc/edgeproxy/appsettings.json", "Serve with these settings.")],
        ["check"] =
        [
            new("edgeproxy check", "Check the settings that 'run' would read."),
            new(
                "EdgeProxy__Health__Path=/healthz edgeproxy check --config new.json",
                "Check a file before it is put in place, as it is with a variable of the environment."),
            new("edgeproxy check --show | grep ^EdgeProxy__Slots", "What is set, for a script."),
        ],
        ["routes"] =
        [
            new("edgeproxy routes", "All routes, in the order in which they are tried."),
            new("edgeproxy routes https://shop.example.com/api/orders", "The one that serves this URL, and why those before it do not."),
            new("edgeproxy routes https://shop.example.com/metrics --client 10.1.2.3 --method HEAD", "The same for another request."),
        ],
        ["polkit-rule"] =
        [
            new("edgeproxy polkit-rule > /etc/polkit-1/rules.d/49-edgeproxy.rules", "After the names of units were changed, or companions added."),
        ],
        ["demo"] =
        [
            new("edgeproxy demo", "Run proxy and sample app on port 8080, under a small load, and print what to try."),
            new("edgeproxy demo --django --script", "Three switches of a real Django project under load; exit code 0 only if no request failed."),
        ],
        ["status"] = [
            new("edgeproxy status", "Where traffic is, and how both slots are."),
            new("edgeproxy status --json | jq -r .active", "The active slot, for a script.")],
        ["switch"] =
        [
            new("edgeproxy switch --label \"$(git rev-parse --short HEAD)\"", "Deploy what is checked out, under the name of its commit."),
            new("edgeproxy switch --canary 5%", "Let 5 of 100 clients have the new version first; it goes back by itself if it is worse."),
            new("edgeproxy switch --preview 15m", "Look at the new version before any client does: 'edgeproxy preview', then 'edgeproxy promote'."),
            new("edgeproxy switch --canary 1%/30s,10%/5m", "The same in steps."),
            new("edgeproxy switch --to blue", "Only if blue is idle; else exit code 4."),
            new("edgeproxy switch --wait-lock 5m", "After the switch that runs now, instead of being refused."),
            new("edgeproxy switch --json > switch.json || exit", "In a script: the whole record, and an exit code."),
        ],
        ["rollback"] = [
            new("edgeproxy rollback", "Bring traffic back to the previous slot."),
            new("edgeproxy rollback --force", "Also where both slots run from one directory, once the earlier version is checked out there.")],
        ["history"] =
        [
            new("edgeproxy history", "A line for each of the last switches."),
            new("edgeproxy history 20260131-235959-3fa2", "What each phase of one took and found."),
        ],
        ["top"] =
        [
            new("edgeproxy top", "Beside a deploy: both slots, their latency and the switch, every second."),
            new("edgeproxy top --once --interval 10s", "The figures of ten seconds, for a script."),
        ],
        ["preview"] =
        [
            new("edgeproxy preview", "A link with which your browser gets the new version that 'switch --preview 15m' has started."),
            new("edgeproxy preview https://shop.example.com/cart/", "The same for a page, or where the settings do not name the site."),
        ],
        ["promote"] = [new("edgeproxy promote", "The canary has seen enough: all clients get the new version now.")],
        ["abort"] = [new("edgeproxy abort", "The new version is not to be: stop it, and serve everybody from the old one.")],
        ["reload"] = [new("edgeproxy check && edgeproxy reload", "New settings, or a new version: a new process takes over, and nobody waits.")],
        ["pause"] = [new("edgeproxy pause && python manage.py migrate && edgeproxy resume", "A migration during which no request may be in the app: clients " +
            "wait, none fails.")],
        ["resume"] = [new("edgeproxy resume", "Serve the requests that wait.")],
        ["maintenance"] = [
            new("edgeproxy maintenance on --message \"Back at 23:30\"", "Send clients 503 and a message."),
            new("edgeproxy maintenance on --for 10m", "For ten minutes at most."),
            new("edgeproxy maintenance off", "Serve them again.")],
        ["certificates"] =
        [
            new("edgeproxy certificates", "How long each lasts, when it is renewed, and why the last attempt failed."),
            new("edgeproxy certificates renew shop.example.com", "Have a new one now; exit code 1 if that fails."),
            new("edgeproxy certificates root > root.pem", "The root of the local authority (Tls:Internal), to be trusted on the machines that come here."),
        ],
        ["fleet"] =
        [
            new("edgeproxy fleet", "Who is there, at which epoch, and what each node says of the switch that runs."),
            new("edgeproxy fleet stage a1b2c3", "The idle slot has this version now: no other one is switched to here."),
            new("edgeproxy fleet remove c", "Later switches do not wait for this node any more."),
            new("edgeproxy fleet key > /etc/edgeproxy/fleet.key", "A new secret; every node gets the same file (Fleet:KeyFile)."),
        ],
        ["import-caddyfile"] =
        [
            new(
                "edgeproxy import-caddyfile /etc/caddy/Caddyfile --health-path /healthz > appsettings.json",
                "The settings that serve what Caddy serves; exit code 2, and no settings, where a line cannot be translated."),
            new(
                "edgeproxy import-caddyfile Caddyfile --app 127.0.0.1:8000 --health-path /healthz",
                "Of a file with several upstreams: which one is the blue/green app. The others are forwarded to as they are."),
            new(
                "edgeproxy import-caddyfile Caddyfile --blue unix:/run/app/blue.sock --green unix:/run/app/green.sock --health-path /healthz",
                "With slots other than the recipe's."),
        ],
        ["import-nginx"] =
        [
            new(
                "edgeproxy import-nginx /etc/nginx/nginx.conf --health-path /healthz > appsettings.json",
                "The settings that serve what nginx serves; exit code 2, and no settings, where a line cannot be translated."),
            new(
                "edgeproxy import-nginx /etc/nginx/sites-enabled/shop --health-path /healthz --blue unix:/run/app/blue.sock --green unix:/run/app/green.sock",
                "One file of it, with slots that listen on sockets."),
        ],
        ["watch"] =
        [
            new("edgeproxy watch https://shop.example.com/ --interval 0.2s", "Beside a deploy: a line a request, Ctrl-C sums up."),
            new("edgeproxy watch http://127.0.0.1/ --count 100 > /dev/null", "Exit code 1 if one of a hundred requests failed."),
        ],
        ["version"] = [new("edgeproxy version --json", "For a script.")],
        ["completion"] =
        [
            new("edgeproxy completion bash > /etc/bash_completion.d/edgeproxy", "For all users of bash."),
            new("edgeproxy completion zsh > /usr/local/share/zsh/site-functions/_edgeproxy", "For all users of zsh."),
            new("edgeproxy completion fish > /usr/share/fish/vendor_completions.d/edgeproxy.fish", "For all users of fish."),
        ],
    };

    /// <summary>What a verb returns, for scripts.</summary>
    public static IReadOnlyList<(int Code, string Meaning)> ExitCodes { get; } =
    [
        (ExitCode.Done, "done"),
        (ExitCode.Failed, "the switch was aborted or rolled back, a certificate could not be renewed, or a watched request failed"),
        (ExitCode.Usage, "wrong usage or settings"),
        (ExitCode.Unreachable, "the proxy cannot be reached"),
        (ExitCode.Refused, "refused: another switch runs, already so, not allowed, or a second instance on one state directory"),
        (ExitCode.Warnings, "the switch completed, with warnings"),
    ];

    /// <summary>What one begins with.</summary>
    private static readonly string[] _first = ["demo", "check", "switch", "rollback", "status"];

    /// <summary>The examples of a verb; of the program those that one begins with.</summary>
    public static IReadOnlyList<Example> ExamplesOf(Command command) => command is RootCommand
        ? [.. _first.Select(verb => _examples[verb][0])]
        : _examples.GetValueOrDefault(command.Name, []);

    /// <summary>Adds examples and exit codes to the help of every verb.</summary>
    public static void AddTo(RootCommand root)
    {
        foreach (var option in root.Options.OfType<HelpOption>())
        {
            option.Action = new Help((SynchronousCommandLineAction)option.Action!);
        }
    }

    private sealed class Help(SynchronousCommandLineAction options) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            var code = options.Invoke(parseResult);
            var output = parseResult.InvocationConfiguration.Output;
            if (ExamplesOf(parseResult.CommandResult.Command) is { Count: > 0 } examples)
            {
                output.WriteLine("Examples:");
                foreach (var example in examples)
                {
                    output.WriteLine($"  {example.Line}\n      {example.Purpose}");
                }

                output.WriteLine();
            }

            output.WriteLine("Exit codes:");
            foreach (var (number, meaning) in ExitCodes)
            {
                output.WriteLine($"  {number}  {meaning}");
            }

            return code;
        }
    }
}
