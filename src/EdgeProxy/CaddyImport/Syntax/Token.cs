using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Syntax;

/// <summary>A word of a Caddyfile.</summary>
/// <param name="Text">Without its quotes.</param>
/// <param name="At">The line that it begins on.</param>
/// <param name="IsQuoted">It stood in quotes or backticks: no brace, whatever it holds.</param>
/// <param name="StartsLine">The first of its line; a line that ends with a backslash goes on with the next.</param>
internal sealed record Token(string Text, SourceLine At, bool IsQuoted, bool StartsLine)
{
    public bool Opens => !IsQuoted && Text == "{";

    public bool Closes => !IsQuoted && Text == "}";
}

/// <summary>A directive with its arguments and the block that it opens.</summary>
/// <param name="Block">Null: it opens none.</param>
internal sealed record Statement(Token Name, Token[] Arguments, IReadOnlyList<Statement>? Block)
{
    public SourceLine At => Name.At;

    /// <summary>The texts of the arguments.</summary>
    public IEnumerable<string> Words => Arguments.Select(argument => argument.Text);

    /// <summary>The line itself, for messages.</summary>
    public override string ToString() => string.Join(' ', Words.Prepend(Name.Text));
}

/// <summary>A site: the addresses in front of its block, and the directives in it.</summary>
internal sealed record SiteBlock(IReadOnlyList<Token> Addresses, IReadOnlyList<Statement> Statements);

/// <summary>A whole Caddyfile, its imports done.</summary>
/// <param name="Global">The options of the block without an address; empty: there is none.</param>
internal sealed record CaddyfileSyntax(IReadOnlyList<Statement> Global, IReadOnlyList<SiteBlock> Sites);
