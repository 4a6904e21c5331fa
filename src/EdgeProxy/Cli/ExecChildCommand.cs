using System.CommandLine;
using EdgeProxy.Processes;

namespace EdgeProxy.Cli;

/// <summary>The hidden verb by which the process manager starts children: <see cref="ExecChild"/>.</summary>
internal static class ExecChildCommand
{
    public static Command Create()
    {
        var parent = new Option<int>("--parent") { Required = true };
        var user = new Option<string?>(ExecChild.UserOption);
        var words = new Argument<string[]>("command") { Arity = ArgumentArity.OneOrMore };
        var command = new Command(ExecChild.Verb, "Become a child process that ends with the proxy") { parent, user, words };
        command.Hidden = true;
        // Synchronous: what it prepares belongs to the thread that executes the command.
        command.SetAction(parsed => ExecChild.Run(parsed.GetValue(parent), parsed.GetValue(user), parsed.GetValue(words)!));
        return command;
    }
}
