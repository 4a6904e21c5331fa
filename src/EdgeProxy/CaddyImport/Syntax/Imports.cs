using System.Globalization;
using System.IO.Enumeration;
using System.Text.RegularExpressions;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Syntax;

/// <summary>What <c>import</c> stands for: the words of a snippet, of a file, or of the files that a pattern with one <c>*</c> names.</summary>
/// <remarks>Bounded, so that snippets which import each other many times over cannot grow without end.</remarks>
internal sealed partial class Imports(CaddyfileReader reader)
{
    private const int MaxTokens = 200_000;

    private readonly Dictionary<string, IReadOnlyList<Token>> _snippets = new(StringComparer.Ordinal);
    private readonly Stack<string> _open = new();
    private int _tokens;

    public void Define(Token name, IReadOnlyList<Token> body)
    {
        if (!_snippets.TryAdd(name.Text[1..^1], body))
        {
            throw new CaddyfileSyntaxException(name.At, $"the snippet {name.Text} is there twice");
        }
    }

    /// <summary>Calls <paramref name="read"/> with the words of each thing that is imported.</summary>
    public void Open(Statement import, Action<IReadOnlyList<Token>> read)
    {
        if (import.Arguments.Length == 0 || import.Arguments[0].Text.Length == 0 || import.Block is not null)
        {
            throw new CaddyfileSyntaxException(
                import.At,
                import.Block is null
                    ? "import names neither a snippet nor a file"
                    : "import with a block is not read here; write the snippet's content in its place");
        }

        var name = import.Arguments[0].Text;
        if (_snippets.TryGetValue(name, out var snippet))
        {
            Open(import, $"({name})", snippet, read);
            return;
        }

        foreach (var file in Find(name, import.At))
        {
            Open(import, file, reader.Read(file, import.At), read);
        }
    }

    private void Open(Statement import, string what, IReadOnlyList<Token> tokens, Action<IReadOnlyList<Token>> read)
    {
        if (_open.Contains(what))
        {
            throw new CaddyfileSyntaxException(import.At, $"{what} imports itself");
        }

        if ((_tokens += tokens.Count) > MaxTokens)
        {
            throw new CaddyfileSyntaxException(import.At, "the imports come to more than 200,000 words");
        }

        _open.Push(what);
        read(Fill(tokens, [.. import.Words.Skip(1)]));
        _open.Pop();
    }

    /// <summary>Relative names are relative to the file that has the <c>import</c>. A pattern may match nothing; a name may not.</summary>
    private static IEnumerable<string> Find(string name, SourceLine from)
    {
        var path = Path.GetFullPath(name, Path.GetDirectoryName(Path.GetFullPath(from.File))!);
        if (!name.Contains('*', StringComparison.Ordinal))
        {
            return [path];
        }

        var (directory, pattern) = (Path.GetDirectoryName(path)!, Path.GetFileName(path));
        if (directory.Contains('*', StringComparison.Ordinal))
        {
            throw new CaddyfileSyntaxException(
                from, $"{name} has a * in a directory's name, which is not read here; import each directory on a line of its own");
        }

        return !Directory.Exists(directory) ? [] : Directory.EnumerateFiles(directory)
            .Where(file => FileSystemName.MatchesSimpleExpression(pattern, Path.GetFileName(file), ignoreCase: false))
            .Order(StringComparer.Ordinal);
    }

    /// <summary>Puts the arguments for <c>{args.0}</c> and <c>{args[0]}</c>, and all of them for a word <c>{args[:]}</c>.</summary>
    private static List<Token> Fill(IReadOnlyList<Token> tokens, string[] arguments)
    {
        var filled = new List<Token>(tokens.Count);
        foreach (var token in tokens)
        {
            if (token.Text == "{args[:]}")
            {
                filled.AddRange(arguments.Select((argument, i) => token with { Text = argument, StartsLine = token.StartsLine && i == 0 }));
                continue;
            }

            var text = Argument().Replace(token.Text, place =>
                int.Parse(place.Groups["index"].Value, CultureInfo.InvariantCulture) is var index && index < arguments.Length ? arguments[index] : place.Value);
            filled.Add(token with { Text = text, StartsLine = token.StartsLine || filled.Count == 0 });
        }

        return filled;
    }

    [GeneratedRegex(@"\{args(\.(?<index>\d{1,3})|\[(?<index>\d{1,3})\])\}")]
    private static partial Regex Argument();
}
