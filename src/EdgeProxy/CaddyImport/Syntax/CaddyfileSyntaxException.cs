using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Syntax;

/// <summary>The file cannot be read as a Caddyfile from this line on, so that nothing behind it can be judged.</summary>
internal sealed class CaddyfileSyntaxException(SourceLine at, string message) : Exception(message)
{
    public SourceLine At { get; } = at;
}
