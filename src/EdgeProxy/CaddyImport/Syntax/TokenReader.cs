namespace EdgeProxy.CaddyImport.Syntax;

/// <summary>Words, one after the other.</summary>
internal sealed class TokenReader(IReadOnlyList<Token> tokens)
{
    private int _next;

    /// <summary>The next token, which stays the next one; null: there are no more.</summary>
    public Token? Peek() => _next < tokens.Count ? tokens[_next] : null;

    public Token Next() => tokens[_next++];

    /// <summary>The words up to the brace that closes the block, which is passed over.</summary>
    /// <param name="brace">The one that opened it, and was read already.</param>
    public IReadOnlyList<Token> TakeBlock(Token brace)
    {
        var (body, depth) = (new List<Token>(), 1);
        while (Peek() is not null)
        {
            var token = Next();
            depth += token.Opens ? 1 : token.Closes ? -1 : 0;
            if (depth == 0)
            {
                return body;
            }

            body.Add(token);
        }

        throw new CaddyfileSyntaxException(brace.At, "the '{' of this line is not closed");
    }
}
