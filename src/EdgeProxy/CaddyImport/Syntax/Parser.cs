namespace EdgeProxy.CaddyImport.Syntax;

/// <summary>Groups words into options, snippets and sites.</summary>
internal sealed class Parser(Imports imports)
{
    /// <summary>Above what anybody writes, and below what the stack holds.</summary>
    private const int MaxDepth = 100;

    private readonly List<SiteBlock> _sites = [];
    private int _depth;
    private IReadOnlyList<Statement>? _global;

    /// <exception cref="CaddyfileSyntaxException">Braces do not match, or what is imported is not there.</exception>
    public CaddyfileSyntax Parse(IReadOnlyList<Token> tokens)
    {
        ReadSites(new TokenReader(tokens));
        return new CaddyfileSyntax(_global ?? [], _sites);
    }

    private void ReadSites(TokenReader tokens)
    {
        while (tokens.Peek() is { } first)
        {
            if (first.Opens)
            {
                ReadGlobal(tokens);
            }
            else if (!first.IsQuoted && first.Text == "import")
            {
                imports.Open(ReadStatement(tokens), body => ReadSites(new TokenReader(body)));
            }
            else
            {
                ReadSite(tokens);
            }
        }
    }

    private void ReadGlobal(TokenReader tokens)
    {
        var brace = tokens.Next();
        if (_global is not null || _sites.Count > 0)
        {
            throw new CaddyfileSyntaxException(brace.At, "a block without an address holds the global options, of which there is one, before all sites");
        }

        _global = ReadBlock(tokens, brace);
    }

    private void ReadSite(TokenReader tokens)
    {
        var addresses = ReadAddresses(tokens);
        if (tokens.Peek() is not { Opens: true } brace)
        {
            // A single site needs no braces: its directives go on to the file's end.
            _sites.Add(new SiteBlock(addresses, ReadStatements(tokens, opened: null)));
            return;
        }

        tokens.Next();
        if (addresses is [{ IsQuoted: false, Text: ['(', .., ')'] } snippet])
        {
            imports.Define(snippet, tokens.TakeBlock(brace));
        }
        else
        {
            _sites.Add(new SiteBlock(addresses, ReadBlock(tokens, brace)));
        }
    }

    /// <summary>To the brace or the line's end; a comma lets the list go on in the next line.</summary>
    private static List<Token> ReadAddresses(TokenReader tokens)
    {
        var addresses = new List<Token>();
        var isGoingOn = true;
        while (tokens.Peek() is { Opens: false } next && (isGoingOn || !next.StartsLine))
        {
            var word = tokens.Next();
            if (word.Closes)
            {
                throw new CaddyfileSyntaxException(word.At, "'}' closes nothing");
            }

            isGoingOn = word.Text.EndsWith(',');
            var address = word.Text.TrimEnd(',');
            if (address.EndsWith('{'))
            {
                throw new CaddyfileSyntaxException(word.At, $"there must be a blank before the brace: {address[..^1]} {{");
            }

            if (address.Length > 0)
            {
                addresses.Add(word with { Text = address });
            }
        }

        return tokens.Peek() is { Opens: true } brace && isGoingOn && addresses.Count > 0
            ? throw new CaddyfileSyntaxException(brace.At, "an address is missing behind the comma")
            : addresses;
    }

    private List<Statement> ReadBlock(TokenReader tokens, Token brace)
    {
        if (tokens.Peek() is { StartsLine: false, Closes: false } next)
        {
            throw new CaddyfileSyntaxException(next.At, $"'{next.Text}' stands behind '{{' and must be in the next line");
        }

        if (++_depth > MaxDepth)
        {
            throw new CaddyfileSyntaxException(brace.At, "more than 100 blocks are within each other");
        }

        var statements = ReadStatements(tokens, brace);
        _depth--;
        return statements;
    }

    /// <param name="tokens">Behind the brace.</param>
    /// <param name="opened">The brace of the block; null: the words' end is its end.</param>
    private List<Statement> ReadStatements(TokenReader tokens, Token? opened)
    {
        var statements = new List<Statement>();
        while (tokens.Peek() is { } next)
        {
            if (next.Closes)
            {
                tokens.Next();
                return opened is null ? throw new CaddyfileSyntaxException(next.At, "'}' closes nothing") : statements;
            }

            var statement = ReadStatement(tokens);
            if (statement.Name is { IsQuoted: false, Text: "import" })
            {
                imports.Open(statement, body => statements.AddRange(ReadStatements(new TokenReader(body), opened: null)));
            }
            else
            {
                statements.Add(statement);
            }
        }

        return opened is null ? statements : throw new CaddyfileSyntaxException(opened.At, "the '{' of this line is not closed");
    }

    private Statement ReadStatement(TokenReader tokens)
    {
        var name = tokens.Next();
        if (name.Opens)
        {
            throw new CaddyfileSyntaxException(name.At, "'{' must be in the line of its directive");
        }

        var arguments = new List<Token>();
        while (tokens.Peek() is { StartsLine: false } next)
        {
            tokens.Next();
            if (next.Opens)
            {
                return new Statement(name, [.. arguments], ReadBlock(tokens, next));
            }

            arguments.Add(next.Closes ? throw new CaddyfileSyntaxException(next.At, "'}' must be in a line of its own") : next);
        }

        return new Statement(name, [.. arguments], Block: null);
    }
}
