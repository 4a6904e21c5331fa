using EdgeProxy.CaddyImport.Syntax;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>The block of a <c>respond</c>.</summary>
/// <param name="Body">The argument before it, else its line <c>body</c>; null: neither is there.</param>
/// <param name="Close">Its line <c>close</c>; null: it has none.</param>
/// <param name="Others">Lines of another kind, or a second body.</param>
internal sealed record RespondBlock(Token? Body, Statement? Close, IReadOnlyList<Statement> Others)
{
    /// <param name="directive">With or without a block.</param>
    /// <param name="body">The body that is an argument; null: none is.</param>
    public static RespondBlock Read(Statement directive, Token? body)
    {
        var (close, others) = ((Statement?)null, new List<Statement>());
        foreach (var option in directive.Block ?? [])
        {
            switch (option)
            {
                case { Name.Text: "body", Arguments: [var text] } when body is null:
                    body = text;
                    break;
                case { Name.Text: "close", Arguments: [] }:
                    close = option;
                    break;
                default:
                    others.Add(option);
                    break;
            }
        }

        return new RespondBlock(body, close, others);
    }
}
