using System.Text;
using EdgeProxy.Sites.Matching;
using FsCheck;
using FsCheck.Fluent;

namespace EdgeProxy.Tests.Sites;

/// <summary>Patterns and paths, in all their spellings.</summary>
public sealed class PathPatternTests
{
    private static readonly Gen<string> _pattern =
        from parts in Gen.Elements("/", "a", "B", "*", "?", "[ab]", "[^a]", "[a-c]", "\\*", ".", "é").ListOf()
        from begin in Gen.Elements("/", "/", "*", "/a", "*/a")
        let text = begin + string.Concat(parts)
        where PathPattern.FindFault(text) is null
        select text;

    private static readonly Gen<string> _path =
        from parts in Gen.Elements("/", "a", "b", "c", "*", "?", ".", "é", "//", " ").ListOf()
        select "/" + string.Concat(parts);

    /// <summary>The two-pointer loop takes what a plain search over all ways takes.</summary>
    [Fact]
    public void A_glob_takes_what_the_definition_says() => Prop.ForAll(
        (from pattern in _pattern from path in _path select (pattern, path)).ToArbitrary(),
        pair => Glob.Matches(pair.pattern, pair.path) == ByDefinition(pair.pattern, pair.path)).QuickCheckThrowOnFailure();

    /// <summary>However a client writes a path, the same patterns take it.</summary>
    [Fact]
    public void No_spelling_of_a_path_changes_what_takes_it() => Prop.ForAll(
        (from pattern in _pattern from path in _path from seed in Gen.Choose(0, int.MaxValue) select (pattern, path, seed)).ToArbitrary(),
        of =>
        {
            var random = new Random(of.seed);
            var spelled = string.Concat(Encoding.UTF8.GetBytes(of.path).Select(value => NeedsEscape(value) || random.Next(2) == 0
                ? random.Next(2) == 0 ? $"%{value:X2}" : $"%{value:x2}"
                : ((char)value).ToString()));
            return Takes(of.pattern, spelled) == Takes(of.pattern, Escape(of.path));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void More_slashes_change_nothing_unless_the_pattern_has_two() => Prop.ForAll(
        (from pattern in _pattern from path in _path from count in Gen.Choose(1, 4) select (pattern, path, count)).ToArbitrary(),
        of => of.pattern.Contains("//", StringComparison.Ordinal)
            || Takes(of.pattern, Escape(of.path)) == Takes(of.pattern, Escape(of.path.Replace("/", new string('/', of.count), StringComparison.Ordinal))))
        .QuickCheckThrowOnFailure();

    /// <summary>What <c>check</c> says of routes that nothing reaches is never wrong.</summary>
    [Fact]
    public void A_pattern_that_covers_another_takes_whatever_that_takes() => Prop.ForAll(
        (from one in _pattern from other in _pattern from path in _path select (one, other, path)).ToArbitrary(),
        of => !PathPattern.Parse(of.one).Covers(PathPattern.Parse(of.other)) || !Takes(of.other, Escape(of.path)) || Takes(of.one, Escape(of.path)))
        .QuickCheckThrowOnFailure();

    [Fact]
    public void No_path_matches_two_patterns_that_are_disjoint() => Prop.ForAll(
        (from one in _pattern from other in _pattern from path in _path select (one, other, path)).ToArbitrary(),
        of => !PathPattern.Parse(of.one).IsDisjoint(PathPattern.Parse(of.other)) || !Takes(of.other, Escape(of.path)) || !Takes(of.one, Escape(of.path)))
        .QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("api")]
    [InlineData("")]
    [InlineData("/a b")]
    [InlineData("/a%2Fb")]
    [InlineData("/a%zz")]
    [InlineData("/a%")]
    [InlineData("/[a")]
    [InlineData("/x?[]")]
    [InlineData("/a*b\\")]
    [InlineData("/../a")]
    [InlineData("/a#b")]
    public void What_can_match_nothing_is_refused(string pattern) => Assert.NotNull(PathPattern.FindFault(pattern));

    /// <summary>A long path against many stars ends at once.</summary>
    [Fact]
    public void No_path_makes_a_pattern_slow()
    {
        var pattern = "/" + string.Concat(Enumerable.Repeat("*a", 200)) + "[b]";
        var began = TimeProvider.System.GetTimestamp();

        Assert.False(Glob.Matches(pattern, "/" + new string('a', 4000)));

        Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(2));
    }

    private static bool Takes(string pattern, string path)
    {
        Span<char> room = new char[2 * path.Length];
        return PathPattern.Parse(pattern).Matches(RequestPath.Read(path, room));
    }

    private static string Escape(string path) =>
        string.Concat(Encoding.UTF8.GetBytes(path).Select(value => NeedsEscape(value) ? $"%{value:X2}" : ((char)value).ToString()));

    private static bool NeedsEscape(byte value) => value > 0x7e || value is (byte)' ' or (byte)'?' or (byte)'%';

    /// <summary>Every way to divide the text is tried.</summary>
    private static bool ByDefinition(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        if (pattern.IsEmpty)
        {
            return text.IsEmpty;
        }

        if (pattern[0] == '*')
        {
            for (var i = 0; i <= text.Length; i++)
            {
                if (ByDefinition(pattern[1..], text[i..]))
                {
                    return true;
                }

                if (i < text.Length && text[i] == '/')
                {
                    return false;
                }
            }

            return false;
        }

        if (text.IsEmpty)
        {
            return false;
        }

        var first = char.ToUpperInvariant(text[0]);
        var (length, takes) = pattern switch
        {
            ['?', ..] => (1, first != '/'),
            ['\\', var escaped, ..] => (2, first == char.ToUpperInvariant(escaped)),
            ['[', '^', 'a', ']', ..] => (4, first is not ('A' or '/')),
            ['[', 'a', 'b', ']', ..] => (4, first is 'A' or 'B'),
            ['[', 'a', '-', 'c', ']', ..] => (5, first is 'A' or 'B' or 'C'),
            _ => (1, first == char.ToUpperInvariant(pattern[0])),
        };
        return takes && ByDefinition(pattern[length..], text[1..]);
    }
}
