using EdgeProxy.Cli;

namespace EdgeProxy.Tests.Support;

/// <summary>One run of the command line, in this process.</summary>
internal sealed record CommandLine(int ExitCode, string Output, string Error)
{
    public static Task<CommandLine> RunAsync(params string[] arguments) => RunUntilAsync(arguments, TestContext.Current.CancellationToken);

    public static async Task<CommandLine> RunUntilAsync(string[] arguments, CancellationToken cancellationToken)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var code = await EdgeProxyCommand.InvokeAsync(arguments, output, error, cancellationToken);
        return new CommandLine(code, output.ToString(), error.ToString());
    }
}
