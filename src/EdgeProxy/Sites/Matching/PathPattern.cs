namespace EdgeProxy.Sites.Matching;

/// <summary>One pattern for paths. What it means is what it means to Caddy's <c>path</c> matcher.</summary>
/// <remarks>
/// One star at the begin or the end stands for anything; everywhere else a star stands for what has no slash, <c>?</c> for one character, <c>[abc]</c> for
/// one of several, and <c>\</c> takes its meaning from what follows.
/// </remarks>
internal sealed class PathPattern
{
    private const string Special = "*?[\\";

    private readonly Kind _kind;
    private readonly string _text;
    private readonly bool _keepsSlashes;

    private PathPattern(Kind kind, string text)
    {
        _kind = kind;
        _text = text;
        _keepsSlashes = text.Contains("//", StringComparison.Ordinal);
    }

    private enum Kind
    {
        Any,
        Exact,
        Prefix,
        Suffix,
        Part,
        Glob,
    }

    /// <param name="text">A valid pattern: <see cref="FindFault"/> has found nothing.</param>
    public static PathPattern Parse(string text)
    {
        text = RequestPath.Decode(text);
        return (text.Count(character => character == '*'), text.StartsWith('*'), text.EndsWith('*')) switch
        {
            (1, true, true) => new PathPattern(Kind.Any, ""),
            (2, true, true) => new PathPattern(Kind.Part, text[1..^1]),
            (1, true, false) => new PathPattern(Kind.Suffix, text[1..]),
            (1, false, true) => new PathPattern(Kind.Prefix, text[..^1]),
            _ => new PathPattern(text.AsSpan().ContainsAny(Special) ? Kind.Glob : Kind.Exact, text),
        };
    }

    /// <returns>Null: it is a pattern.</returns>
    public static string? FindFault(string text)
    {
        if (text.Length == 0 || text[0] is not ('/' or '*'))
        {
            return "must be a path that starts with / or *, such as /api/* or *.php";
        }

        if (text.Any(character => char.IsControl(character) || character is ' ' or '#'))
        {
            return "must have no blank, no control character and no #";
        }

        for (var i = text.IndexOf('%', StringComparison.Ordinal); i >= 0; i = text.IndexOf('%', i + 1))
        {
            var escape = text.AsSpan(i, Math.Min(3, text.Length - i));
            if (escape.Length < 3 || !char.IsAsciiHexDigit(escape[1]) || !char.IsAsciiHexDigit(escape[2])
                || escape is ['%', '2', 'f' or 'F' or 'a' or 'A' or '5'] or ['%', '3', 'f' or 'F'] or ['%', '5', 'b' or 'B' or 'c' or 'C'])
            {
                return "has a % that stands for no character: patterns are compared with decoded paths, so write the character itself";
            }
        }

        var decoded = RequestPath.Decode(text);
        if (decoded.Split('/').Any(segment => segment is "." or ".."))
        {
            return "has a . or .. segment, and no request has";
        }

        return Parse(text)._kind == Kind.Glob && !Glob.IsValid(decoded) ? "has a [ without its ], or ends with \\" : null;
    }

    public bool Matches(in RequestPath path) => MatchesText(_keepsSlashes ? path.Decoded : path.Merged);

    /// <summary>Whether it matches whatever the other one matches, as far as that is plain to see.</summary>
    public bool Covers(PathPattern other) => (_kind, other._kind) switch
    {
        (Kind.Any, _) => true,
        (Kind.Prefix, _) when _text == "/" => true, // so every path begins
        (var kind, _) when kind == other._kind && _text.Equals(other._text, StringComparison.OrdinalIgnoreCase) => true,
        _ when _keepsSlashes || other._keepsSlashes => false,
        (_, Kind.Exact) => MatchesText(other._text),
        (Kind.Prefix, Kind.Prefix or Kind.Glob) => other.Begin.StartsWith(_text, StringComparison.OrdinalIgnoreCase),
        (Kind.Suffix, Kind.Suffix or Kind.Glob) => other.End.EndsWith(_text, StringComparison.OrdinalIgnoreCase),
        (Kind.Part, Kind.Prefix or Kind.Suffix or Kind.Part) => other._text.Contains(_text, StringComparison.OrdinalIgnoreCase),
        (Kind.Part, Kind.Glob) => other.Begin.Contains(_text, StringComparison.OrdinalIgnoreCase)
            || other.End.Contains(_text, StringComparison.OrdinalIgnoreCase),
        _ => false,
    };

    /// <summary>Whether no path matches both, as far as that is plain to see.</summary>
    public bool IsDisjoint(PathPattern other)
    {
        if (_keepsSlashes || other._keepsSlashes)
        {
            return false;
        }

        if (_kind == Kind.Exact || other._kind == Kind.Exact)
        {
            return _kind == Kind.Exact ? !other.MatchesText(_text) : !MatchesText(other._text);
        }

        return !IsOne(Begin, other.Begin, (text, start) => text.StartsWith(start, StringComparison.OrdinalIgnoreCase))
            || !IsOne(End, other.End, (text, end) => text.EndsWith(end, StringComparison.OrdinalIgnoreCase));

        static bool IsOne(string one, string other, Func<string, string, bool> has) => has(one, other) || has(other, one);
    }

    /// <summary>What all of its paths begin with.</summary>
    private string Begin => _kind switch
    {
        Kind.Exact or Kind.Prefix => _text,
        Kind.Glob => _text[.._text.AsSpan().IndexOfAny(Special)],
        _ => "",
    };

    /// <summary>What all of its paths end with.</summary>
    private string End => _kind switch
    {
        Kind.Exact or Kind.Suffix => _text,
        Kind.Glob when !_text.Contains('\\', StringComparison.Ordinal) => _text[(_text.AsSpan().LastIndexOfAny("*?]") + 1)..],
        _ => "",
    };

    private bool MatchesText(ReadOnlySpan<char> text) => _kind switch
    {
        Kind.Any => true,
        Kind.Exact => text.Equals(_text, StringComparison.OrdinalIgnoreCase),
        Kind.Prefix => text.StartsWith(_text, StringComparison.OrdinalIgnoreCase),
        Kind.Suffix => text.EndsWith(_text, StringComparison.OrdinalIgnoreCase),
        Kind.Part => text.Contains(_text, StringComparison.OrdinalIgnoreCase),
        _ => Glob.Matches(_text, text),
    };
}
