using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace EdgeProxy.Sites.Matching;

/// <summary>
/// Regular expressions in the part of RE2's language (github.com/google/re2/wiki/Syntax) that means one thing only. Each is written anew for .NET, so that
/// <c>$</c>, <c>.</c>, <c>\d</c>, <c>\w</c> and <c>(?i)</c> are those of RE2, and matched in time that grows with the text alone, whatever a client sends.
/// </summary>
internal sealed partial class SafeRegex
{
    /// <summary>What it may have; behind a key, for messages.</summary>
    public const string Allowed =
        "literals, ., classes, groups, |, ^, $, the quantifiers * + ? {n,m} up to 100, \\d \\w \\s, and (?i) at its begin; no back-references and no " +
        "look-around";

    private const int MaxLength = 500;
    private const int MaxRepeats = 100;
    private const string AnyPair = @"[\uD800-\uDBFF][\uDC00-\uDFFF]";

    private static readonly SearchValues<char> _ofNames = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    private readonly string _pattern;
    private readonly StringBuilder _made = new();
    private readonly List<string?> _groups = [];
    private bool _repeatsGroups;
    private bool _ignoresCase;
    private int _at;

    private SafeRegex(string pattern) => _pattern = pattern;

    /// <exception cref="FormatException">It has something else than what is <see cref="Allowed"/>.</exception>
    public static Regex Parse(string pattern)
    {
        var made = new SafeRegex(pattern).Translate();
        try
        {
            return new Regex(made, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            throw new FormatException($"is no regular expression that can be used: {error.Message}", error);
        }
    }

    /// <returns>Null: it can be used. Else what is wrong, to go behind the pattern.</returns>
    public static string? FindFault(string pattern)
    {
        try
        {
            Parse(pattern);
            return null;
        }
        catch (FormatException fault)
        {
            return fault.Message;
        }
    }

    /// <summary>The names of its groups, null for those without one, in order.</summary>
    /// <returns>Null: it cannot be used, or repeats a group, of which engines give back different rounds.</returns>
    public static IReadOnlyList<string?>? GroupsOf(string pattern)
    {
        var regex = new SafeRegex(pattern);
        try
        {
            regex.Translate();
            return regex._repeatsGroups ? null : regex._groups;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private string Translate()
    {
        if (_pattern.Length is 0 or > MaxLength)
        {
            throw new FormatException($"must have 1 to {MaxLength} characters");
        }

        if (_pattern.StartsWith("(?i)", StringComparison.Ordinal))
        {
            (_ignoresCase, _at) = (true, 4);
        }

        ReadAlternatives(depth: 0);
        return _at == _pattern.Length ? _made.ToString() : throw Fault(")");
    }

    private void ReadAlternatives(int depth)
    {
        if (depth > 20)
        {
            throw new FormatException("has more than 20 groups within each other");
        }

        while (_at < _pattern.Length && _pattern[_at] != ')')
        {
            if (_pattern[_at] == '|')
            {
                _at++;
                _made.Append('|');
                continue;
            }

            var groups = _groups.Count;
            if (ReadAtom(depth))
            {
                _repeatsGroups |= _groups.Count > groups && _at < _pattern.Length && _pattern[_at] is '*' or '+' or '{';
                ReadQuantifier();
            }
        }
    }

    /// <returns>Whether it may be repeated.</returns>
    private bool ReadAtom(int depth)
    {
        var character = _pattern[_at++];
        switch (character)
        {
            case '(':
                ReadGroup(depth);
                return true;
            case '[':
                ReadClass();
                return true;
            case '.':
                _made.Append(@"(?:[^\n\uD800-\uDFFF]|").Append(AnyPair).Append(')');
                return true;
            case '^':
                _made.Append(@"\A");
                return false;
            case '$':
                _made.Append(@"\z"); // without the line end that .NET allows for
                return false;
            case '\\':
                ReadEscape();
                return true;
            case '*' or '+' or '?' or '{' or '}' or ']':
                throw Fault(character.ToString());
            default:
                AppendLiteral(character);
                return true;
        }
    }

    private void ReadGroup(int depth)
    {
        if (_at < _pattern.Length && _pattern[_at] == '?')
        {
            var isPlain = _pattern.AsSpan(_at).StartsWith("?:");
            var name = isPlain ? -1 : _pattern.IndexOf('>', _at);
            var begin = _pattern.IndexOf('<', _at) + 1;
            ReadOnlySpan<char> word = name > begin ? _pattern.AsSpan(begin, name - begin) : [];
            var isNamed = (_pattern.AsSpan(_at).StartsWith("?P<") || _pattern.AsSpan(_at).StartsWith("?<"))
                && word.Length > 0 && !word.ContainsAnyExcept(_ofNames);
            if (!isPlain)
            {
                _groups.Add(isNamed ? word.ToString() : null);
            }

            _at = isPlain ? _at + 2 : isNamed ? name + 1 : throw Fault("(?");
            _made.Append(isPlain ? "(?:" : "("); // groups are asked for by their numbers
        }
        else
        {
            _groups.Add(null);
            _made.Append('(');
        }

        ReadAlternatives(depth + 1);
        if (_at == _pattern.Length)
        {
            throw new FormatException("has a ( that is not closed");
        }

        _at++;
        _made.Append(')');
    }

    private void ReadQuantifier()
    {
        if (_at == _pattern.Length || _pattern[_at] is not ('*' or '+' or '?' or '{'))
        {
            return;
        }

        if (_pattern[_at] == '{')
        {
            var end = _pattern.IndexOf('}', _at);
            var bounds = end < 0 ? [] : _pattern[(_at + 1)..end].Split(',');
            if (bounds.Length is 0 or > 2 || !IsCount(bounds[0]) || (bounds is [_, { Length: > 0 } to] && !IsCount(to)))
            {
                throw Fault("{");
            }

            _made.Append(_pattern, _at, end + 1 - _at);
            _at = end + 1;
        }
        else
        {
            _made.Append(_pattern[_at++]);
        }

        if (_at < _pattern.Length && _pattern[_at] == '?')
        {
            _made.Append(_pattern[_at++]); // as few as possible
        }

        if (_at < _pattern.Length && _pattern[_at] is '*' or '+' or '?' or '{')
        {
            throw Fault("a quantifier behind a quantifier");
        }

        static bool IsCount(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count <= MaxRepeats;
    }

    private static FormatException Fault(string what) => new($"has {what}, which is not understood; a regular expression has {Allowed}");
}
