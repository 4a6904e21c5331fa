using System.Text;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Syntax;

/// <summary>Splits a Caddyfile into words, as Caddy does: at white space; in double quotes with <c>\"</c>, or in backticks, over lines too; as a heredoc;
/// <c>#</c> begins a comment only where a word would begin.</summary>
internal sealed class Lexer
{
    private readonly string _text;
    private readonly string _file;
    private readonly List<Token> _tokens = [];
    private int _at;
    private int _line = 1;
    private bool _startsLine = true;

    private Lexer(string text, string file)
    {
        _text = text;
        _file = file;
    }

    /// <exception cref="CaddyfileSyntaxException">A quote or a heredoc is not closed.</exception>
    public static IReadOnlyList<Token> Split(string text, string file)
    {
        var lexer = new Lexer(text, file);
        while (lexer.SkipToWord())
        {
            lexer.ReadWord();
        }

        return lexer._tokens;
    }

    private SourceLine Here => new(_file, _line);

    private bool SkipToWord()
    {
        for (; _at < _text.Length; _at++)
        {
            var character = _text[_at];
            if (character == '\n')
            {
                _startsLine = true;
                _line++;
            }
            else if (character == '#')
            {
                _at = _text.IndexOf('\n', _at) is >= 0 and var end ? end - 1 : _text.Length - 1;
            }
            else if (ContinuationAt(_at) is > 0 and var length)
            {
                _at += length - 1;
                _line++;
            }
            else if (!char.IsWhiteSpace(character))
            {
                return true;
            }
        }

        return false;
    }

    private void ReadWord()
    {
        var quote = _text[_at];
        if (quote is '"' or '`')
        {
            ReadQuoted(quote);
            return;
        }

        var start = _at;
        while (_at < _text.Length && !char.IsWhiteSpace(_text[_at]) && ContinuationAt(_at) == 0)
        {
            _at++;
        }

        var word = _text[start.._at];
        if (word.Length > 2 && word.StartsWith("<<", StringComparison.Ordinal))
        {
            ReadHeredoc(word[2..]);
            return;
        }

        Add(word, Here, isQuoted: false);
    }

    /// <summary>A text of whole lines, up to a line with the marker, whose indentation is taken off all of them (Caddy 2.7 and later).</summary>
    private void ReadHeredoc(string marker)
    {
        var start = Here;
        var body = _text.AsSpan(_at);
        if (!marker.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '-') || body.TrimStart("\r") is not ['\n', ..])
        {
            throw new CaddyfileSyntaxException(start, $"<<{marker} begins a heredoc, whose marker is a word of letters, digits, - and _ at the line's end");
        }

        _at = _text.IndexOf('\n', _at) + 1;
        var lines = new List<string>();
        while (_at < _text.Length)
        {
            var end = _text.IndexOf('\n', _at) is >= 0 and var found ? found : _text.Length;
            var line = _text[_at..end].TrimEnd('\r');
            _line++;
            if (line.TrimStart(' ', '\t') is var bare && bare.StartsWith(marker, StringComparison.Ordinal) && bare[marker.Length..] is [] or [' ' or '\t', ..])
            {
                _at += line.IndexOf(marker, StringComparison.Ordinal) + marker.Length;
                Add(Unindent(lines, line[..^bare.Length], start), start, isQuoted: true);
                return;
            }

            if (line.Contains(marker, StringComparison.Ordinal))
            {
                throw new CaddyfileSyntaxException(Here, $"{marker} within a line ends the heredoc for Caddy; choose a marker that is not in the text");
            }

            lines.Add(line);
            _at = end + 1;
        }

        throw new CaddyfileSyntaxException(start, $"the heredoc that begins here does not end with a line {marker}");
    }

    private static string Unindent(List<string> lines, string indentation, SourceLine at) => string.Join('\n', lines.Select(line =>
        line.Length == 0 ? line
        : line.StartsWith(indentation, StringComparison.Ordinal) ? line[indentation.Length..]
        : throw new CaddyfileSyntaxException(at, "a line of the heredoc that begins here is indented less than its end")));

    private void ReadQuoted(char quote)
    {
        var start = Here;
        var word = new StringBuilder();
        for (_at++; _at < _text.Length; _at++)
        {
            var character = _text[_at];
            if (character == quote)
            {
                _at++;
                Add(word.ToString(), start, isQuoted: true);
                return;
            }

            if (quote == '"' && character == '\\' && _at + 1 < _text.Length && _text[_at + 1] == '"')
            {
                character = _text[++_at];
            }

            _line += character == '\n' ? 1 : 0;
            word.Append(character);
        }

        throw new CaddyfileSyntaxException(start, "the quote that begins here does not end");
    }

    private void Add(string word, SourceLine at, bool isQuoted)
    {
        _tokens.Add(new Token(word, at, isQuoted, _startsLine));
        _startsLine = false;
    }

    /// <summary>The length of a backslash with the line's end behind it; 0: none is here.</summary>
    private int ContinuationAt(int at) =>
        _text.AsSpan(at).StartsWith("\\\n") ? 2
        : _text.AsSpan(at).StartsWith("\\\r\n") ? 3
        : 0;
}
