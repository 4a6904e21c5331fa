using System.Globalization;
using System.Text;

namespace EdgeProxy.Sites.Matching;

/// <content>Literals, escapes and classes.</content>
internal sealed partial class SafeRegex
{
    private void ReadEscape()
    {
        switch (ClassOf(Escaped(), _ignoresCase, out var literal))
        {
            case { } members:
                _made.Append('[').Append(members).Append(']');
                break;
            case null when literal is 'D' or 'W' or 'S':
                AppendNegated(ClassOf(char.ToLowerInvariant(literal), _ignoresCase, out _)!);
                break;
            case null when literal is 'A' or 'z':
                _made.Append('\\').Append(literal);
                break;
            default:
                AppendLiteral(LiteralOf(literal));
                break;
        }
    }

    private char Escaped() => _at < _pattern.Length ? _pattern[_at++] : throw Fault("a \\ at its end");

    /// <remarks>Go folds the letters of a class, too: with <c>(?i)</c> <c>\w</c> has the two letters beyond ASCII that fold to k and s.</remarks>
    private static string? ClassOf(char letter, bool ignoresCase, out char literal)
    {
        literal = letter;
        return letter switch
        {
            'd' => "0-9",
            'w' => ignoresCase ? @"0-9A-Za-z_\u212A\u017F" : "0-9A-Za-z_",
            's' => @"\t\n\f\r ",
            _ => null,
        };
    }

    private static char LiteralOf(char escaped) => escaped switch
    {
        't' => '\t',
        'n' => '\n',
        'f' => '\f',
        'r' => '\r',
        _ when escaped < 128 && !char.IsAsciiLetterOrDigit(escaped) => escaped,
        _ => throw Fault($"\\{escaped}"),
    };

    private void ReadClass()
    {
        var isNegated = _at < _pattern.Length && _pattern[_at] == '^';
        _at += isNegated ? 1 : 0;
        var members = new StringBuilder();
        for (var isFirst = true; ; isFirst = false)
        {
            if (_at == _pattern.Length)
            {
                throw new FormatException("has a [ that is not closed");
            }

            var character = _pattern[_at++];
            if (character == ']' && !isFirst)
            {
                break;
            }

            ReadMember(character, members);
        }

        if (isNegated)
        {
            AppendNegated(members.ToString());
        }
        else
        {
            _made.Append('[').Append(members).Append(']');
        }
    }

    private void ReadMember(char character, StringBuilder members)
    {
        if (character == '[' && _at < _pattern.Length && _pattern[_at] == ':')
        {
            throw Fault("[:");
        }

        if (character == '\\')
        {
            if (ClassOf(Escaped(), _ignoresCase, out var escaped) is { } inner)
            {
                members.Append(inner);
                return;
            }

            character = LiteralOf(escaped);
        }

        var last = character;
        if (_at + 1 < _pattern.Length && _pattern[_at] == '-' && _pattern[_at + 1] != ']')
        {
            _at++;
            last = _pattern[_at++];
            last = last == '\\' ? LiteralOf(Escaped()) : last;
            if (last < character)
            {
                throw Fault("a range from a later character to an earlier one");
            }
        }

        AppendRange(members, character, last);
        if (_ignoresCase)
        {
            for (var each = character; each <= last; each++)
            {
                AppendOtherCases(members, each);
            }
        }
    }

    private void AppendLiteral(char character)
    {
        if (!_ignoresCase)
        {
            Append(_made, character);
            return;
        }

        _made.Append('[');
        Append(_made, character);
        AppendOtherCases(_made, character);
        _made.Append(']');
    }

    /// <summary>What is not among the members; a character beyond U+FFFF, which is two here, is one to RE2.</summary>
    private void AppendNegated(string members) => _made.Append("(?:[^").Append(members).Append(@"\uD800-\uDFFF]|").Append(AnyPair).Append(')');

    private static void AppendRange(StringBuilder to, char first, char last)
    {
        Append(to, first);
        if (last > first)
        {
            to.Append('-');
            Append(to, last);
        }
    }

    /// <summary>Unicode's simple case folding of ASCII, which has two letters more than ASCII itself.</summary>
    private static void AppendOtherCases(StringBuilder to, char character)
    {
        if (character >= 128)
        {
            throw Fault("(?i) with letters beyond ASCII");
        }

        if (char.IsAsciiLetter(character))
        {
            Append(to, (char)(character ^ 0x20));
            to.Append((character | 0x20) switch
            {
                'k' => @"\u212A",
                's' => @"\u017F",
                _ => "",
            });
        }
    }

    private static void Append(StringBuilder to, char character)
    {
        if (char.IsSurrogate(character))
        {
            throw Fault("a character beyond U+FFFF");
        }

        to.Append(char.IsAsciiLetterOrDigit(character) ? character.ToString()
            : string.Create(CultureInfo.InvariantCulture, $"\\u{(int)character:X4}"));
    }
}
