using System.Text;
using EdgeProxy.Importing;

namespace EdgeProxy.NginxImport.Syntax;

/// <summary>A word, or one of <c>; { }</c> outside of quotes.</summary>
internal readonly record struct Word(string Text, bool IsSign, SourceLine At);

/// <summary>Splits a file into words, as ngx_conf_read_token does: quotes begin a word, <c>#</c> begins a comment where a word would begin, a backslash takes
/// the next character out of the language.</summary>
internal sealed class WordReader(string text, string file)
{
    private int _at;
    private int _line = 1;

    private SourceLine Here => new(file, _line);

    /// <exception cref="NginxSyntaxException">A quote does not end.</exception>
    public IEnumerable<Word> Read()
    {
        while (SkipToWord())
        {
            var at = Here;
            if (text[_at] is ';' or '{' or '}')
            {
                yield return new Word(text[_at++].ToString(), IsSign: true, at);
                continue;
            }

            yield return new Word(text[_at] is '"' or '\'' ? ReadQuoted(text[_at]) : ReadPlain(), IsSign: false, at);
        }
    }

    private bool SkipToWord()
    {
        for (; _at < text.Length; _at++)
        {
            if (text[_at] == '#')
            {
                _at = text.IndexOf('\n', _at) is >= 0 and var end ? end : text.Length;
            }

            if (_at < text.Length && text[_at] is not (' ' or '\t' or '\r' or '\n'))
            {
                return true;
            }

            _line += _at < text.Length && text[_at] == '\n' ? 1 : 0;
        }

        return false;
    }

    private string ReadPlain()
    {
        var word = new StringBuilder();
        while (_at < text.Length && text[_at] is not (' ' or '\t' or '\r' or '\n' or ';' or '{'))
        {
            if (text[_at] == '$' && _at + 1 < text.Length && text[_at + 1] == '{')
            {
                var end = text.IndexOf('}', _at) is >= 0 and var brace ? brace + 1 : throw new NginxSyntaxException(Here, "${ is not closed");
                word.Append(text, _at, end - _at);
                _at = end;
                continue;
            }

            Append(word);
        }

        return word.ToString();
    }

    private string ReadQuoted(char quote)
    {
        var at = Here;
        var word = new StringBuilder();
        for (_at++; _at < text.Length && text[_at] != quote;)
        {
            Append(word);
        }

        if (_at++ >= text.Length)
        {
            throw new NginxSyntaxException(at, "the quote that begins here does not end");
        }

        return word.ToString();
    }

    /// <summary>A character, or an escape: of a quote and a backslash the character itself, <c>\t \r \n</c>, and any other one as it stands.</summary>
    private void Append(StringBuilder word)
    {
        var character = text[_at++];
        if (character == '\\' && _at < text.Length)
        {
            var escaped = text[_at++];
            word.Append(escaped switch
            {
                '"' or '\'' or '\\' => $"{escaped}",
                't' => "\t",
                'r' => "\r",
                'n' => "\n",
                _ => $"\\{escaped}",
            });
            _line += escaped == '\n' ? 1 : 0;
            return;
        }

        _line += character == '\n' ? 1 : 0;
        word.Append(character);
    }
}
