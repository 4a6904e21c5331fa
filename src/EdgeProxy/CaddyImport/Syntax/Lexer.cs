using System.Text;

namespace EdgeProxy.CaddyImport.Syntax;

/// <summary>Splits a Caddyfile into words, as Caddy does: at white space; in double quotes with <c>\"</c>, or in backticks, over lines too; <c>#</c> begins a comment only where a word would begin.</summary>
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

    /// <exception cref="CaddyfileSyntaxException">A quote is not closed, or it has a heredoc.</exception>
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
            throw new CaddyfileSyntaxException(Here, $"{word} begins a heredoc, which is not read here; write the text in backticks");
        }

        Add(word, Here, isQuoted: false);
    }

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
