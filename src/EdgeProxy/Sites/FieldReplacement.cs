using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using EdgeProxy.Sites.Matching;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Sites;

/// <summary>Replaces parts of the values of a header field, as Go's <c>ReplaceAllString</c> and so Caddy does. Immutable.</summary>
internal sealed partial class FieldReplacement
{
    private readonly Regex _search;
    private readonly (string Literal, int? Group)[] _with;

    /// <param name="options">Checked.</param>
    public FieldReplacement(ReplaceOptions options)
    {
        _search = SafeRegex.Parse(options.Search!);
        _with = [.. PartsOf(options.With ?? "")];
    }

    /// <returns>What is wrong with <c>With</c>, to go behind its key; null: nothing.</returns>
    public static string? FindFault(ReplaceOptions options)
    {
        var groups = SafeRegex.GroupsOf(options.Search ?? "")?.Count ?? 0;
        var text = options.With ?? "";
        return text.AsSpan().ContainsAnyExceptInRange(' ', '~') ? "must have ASCII characters alone"
            : Part().Replace(text, "").Contains('$', StringComparison.Ordinal) ? "has a $ that is neither ${1} nor $$"
            : PartsOf(text).Any(part => part.Group > groups) ? "asks for a group that Search does not have, or repeats"
            : null;
    }

    public StringValues Apply(StringValues values)
    {
        var made = new string?[values.Count];
        for (var i = 0; i < made.Length; i++)
        {
            made[i] = values[i] is { } value ? Apply(value) : null;
        }

        return made;
    }

    /// <remarks>Where nothing is found right behind something, .NET would replace that, too, and Go does not: <c>.*</c> is found once in a text.</remarks>
    private string Apply(string value)
    {
        var (made, copied, end) = (new StringBuilder(), 0, -1);
        for (var found = _search.Match(value); found.Success; found = found.NextMatch())
        {
            if (found.Length == 0 && found.Index == end)
            {
                continue;
            }

            made.Append(value, copied, found.Index - copied);
            foreach (var (literal, group) in _with)
            {
                made.Append(group is { } number ? found.Groups[number].Value : literal);
            }

            copied = end = found.Index + found.Length;
        }

        return made.Append(value, copied, value.Length - copied).ToString();
    }

    private static IEnumerable<(string Literal, int? Group)> PartsOf(string text)
    {
        var last = 0;
        foreach (Match part in Part().Matches(text))
        {
            yield return (text[last..part.Index], null);
            yield return part.Value == "$$" ? ("$", (int?)null) : ("", (int?)int.Parse(part.Groups[1].ValueSpan, CultureInfo.InvariantCulture));
            last = part.Index + part.Length;
        }

        yield return (text[last..], null);
    }

    [GeneratedRegex(@"\$\$|\$\{(\d{1,2})\}")]
    private static partial Regex Part();
}
