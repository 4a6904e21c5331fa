using System.Text;
using System.Text.RegularExpressions;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.NginxImport;

/// <summary>A location: which paths it is for, as a regular expression of <c>Match:PathRegex</c>. nginx compares with letter case, which <c>Path</c> does
/// not.</summary>
/// <param name="Kind"><c>=</c>, <c>^~</c>, <c>~</c>, <c>~*</c>, or empty for a prefix.</param>
/// <param name="Path">As it is written.</param>
internal sealed partial record Location(Directive Source, string Kind, string Path)
{
    public bool IsRegex => Kind is "~" or "~*";

    public bool IsPrefix => Kind is "" or "^~";

    public string Name => Kind.Length > 0 ? $"{Kind} {Path}" : Path;

    /// <summary>The regular expression of its paths; null: every path.</summary>
    public string? Regex => Kind switch
    {
        "=" => $"^{Escape(Path)}$",
        "~" or "~*" => OfPcre(Path, ignoresCase: Kind == "~*"),
        _ => Path == "/" ? null : $"^{Escape(Path)}",
    };

    /// <returns>Null: a problem has said why.</returns>
    public static Location? Read(Directive directive, ImportRemarks remarks)
    {
        var location = directive.Arguments switch
        {
            [['@', ..]] => null,
            [var path] when path.StartsWith('/') => new Location(directive, "", path),
            [("=" or "^~") and var kind, var path] when path.StartsWith('/') => new Location(directive, kind, path),
            [("~" or "~*") and var kind, var pattern] => new Location(directive, kind, pattern),
            _ => null,
        };
        var fault = location is null ? "write location /path/, = /path, ^~ /path/ or ~ pattern"
            : location.Regex is { } regex ? SafeRegex.FindFault(regex) : null;
        if (fault is null)
        {
            return location;
        }

        var why = location?.IsRegex == true ? $"the regular expression {fault}; write locations for its paths" : fault;
        remarks.Problem(directive.At, $"'{directive}' cannot be translated: {why}");
        return null;
    }

    /// <summary>Whether a path, as it is in the file, is of this location, which is a prefix or exact.</summary>
    public bool Takes(string path) => Kind == "=" ? path == Path : IsPrefix && path.StartsWith(Path, StringComparison.Ordinal);

    public static string Escape(string literal)
    {
        var escaped = new StringBuilder();
        foreach (var character in literal)
        {
            escaped.Append(char.IsAsciiLetterOrDigit(character) || character is '/' or '-' or '_' || character > 127 ? $"{character}" : $"\\{character}");
        }

        return escaped.ToString();
    }

    /// <summary>A pattern of nginx in the settings' language. To PCRE a <c>$</c> at the end is before a line's end, too, which may be in a path
    /// (<c>%0A</c>).</summary>
    public static string OfPcre(string pattern, bool ignoresCase)
    {
        pattern = Behind().Replace(pattern, behind => NotBeginning(behind.Groups["word"].Value));
        if (pattern.EndsWith('$') && !pattern.EndsWith("\\$", StringComparison.Ordinal) && !pattern.EndsWith("|$", StringComparison.Ordinal))
        {
            pattern = $@"{pattern[..^1]}\n?$";
        }

        return (ignoresCase ? "(?i)" : "") + pattern;
    }

    /// <summary>What does not begin with a word: it ends before, or has another character somewhere, <c>($|[^a]|a($|[^b]))</c>.</summary>
    private static string NotBeginning(string word) =>
        $"($|[^{word[0]}]{(word.Length > 1 ? $"|{word[0]}{NotBeginning(word[1..])}" : "")})";

    /// <summary>The look-ahead of all that tutorials have against dot files, at the end of a pattern: <c>/\.(?!well-known).*</c>.</summary>
    [GeneratedRegex(@"\(\?!(?<word>[A-Za-z0-9_/]+(?:-[A-Za-z0-9_/]+)*)\)(?:\.\*\$?)?\z")]
    private static partial Regex Behind();
}
