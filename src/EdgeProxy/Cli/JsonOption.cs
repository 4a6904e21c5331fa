using System.CommandLine;

namespace EdgeProxy.Cli;

/// <summary>The option that every verb has.</summary>
internal static class JsonOption
{
    /// <summary>Prints JSON instead of text for people.</summary>
    public static readonly Option<bool> Json = new("--json") { Description = "Print JSON", Recursive = true };
}
