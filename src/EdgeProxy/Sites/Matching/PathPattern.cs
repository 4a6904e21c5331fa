namespace EdgeProxy.Sites.Matching;

/// <summary>One pattern for paths. What it means is what it means to Caddy's <c>path</c> matcher.</summary>
/// <remarks>
/// One star at the begin or the end stands for anything; everywhere else a star stands for what has no slash, <c>?</c> for one character, <c>[abc]</c> for
/// one of several, and <c>\</c> takes its meaning from what follows.
/// </remarks>
internal sealed class PathPattern
{
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
            _ => new PathPattern(text.AsSpan().ContainsAny("*?[\\") ? Kind.Glob : Kind.Exact, text),
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

    public bool Matches(in RequestPath path)
    {
        var text = _keepsSlashes ? path.Decoded : path.Merged;
        return _kind switch
        {
            Kind.Any => true,
            Kind.Exact => text.Equals(_text, StringComparison.OrdinalIgnoreCase),
            Kind.Prefix => text.StartsWith(_text, StringComparison.OrdinalIgnoreCase),
            Kind.Suffix => text.EndsWith(_text, StringComparison.OrdinalIgnoreCase),
            Kind.Part => text.Contains(_text, StringComparison.OrdinalIgnoreCase),
            _ => Glob.Matches(_text, text),
        };
    }

    /// <summary>Whether it matches whatever the other one matches, as far as that is plain to see.</summary>
    public bool Covers(PathPattern other) => (_kind, other._kind) switch
    {
        (Kind.Any, _) => true,
        (Kind.Prefix, Kind.Prefix or Kind.Exact) => other._text.StartsWith(_text, StringComparison.OrdinalIgnoreCase) && !other._keepsSlashes,
        (Kind.Suffix, Kind.Suffix or Kind.Exact) => other._text.EndsWith(_text, StringComparison.OrdinalIgnoreCase) && !other._keepsSlashes,
        (var kind, _) => kind == other._kind && _text.Equals(other._text, StringComparison.OrdinalIgnoreCase),
    };
}
