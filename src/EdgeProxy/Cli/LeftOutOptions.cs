using System.CommandLine;

namespace EdgeProxy.Cli;

/// <summary><c>--without</c> and <c>--without-lost</c>: which nodes of a fleet are left out.</summary>
internal sealed class LeftOutOptions
{
    private readonly Option<string[]> _without = new("--without")
    {
        Description = "In a fleet: a node that is left out, and comes to the new version by itself when it is back",
        HelpName = "node",
    };

    private readonly Option<bool> _withoutLost = new("--without-lost") { Description = "In a fleet: leave out each node that is not there" };

    public void AddTo(Command command)
    {
        command.Add(_without);
        command.Add(_withoutLost);
    }

    /// <summary>As the bodies of the calls have them.</summary>
    public (string[]? Without, bool WithoutLost) Read(ParseResult parsed) =>
        (parsed.GetValue(_without) is { Length: > 0 } nodes ? nodes : null, parsed.GetValue(_withoutLost));
}
