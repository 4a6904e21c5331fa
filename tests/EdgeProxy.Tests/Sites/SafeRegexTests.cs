using System.Diagnostics;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.Tests.Sites;

/// <summary>Regular expressions of RE2 in .NET: what would mean something else there is written anew or refused. The real Caddy judges more of them in
/// <c>WholeCaddyfileTests</c>.</summary>
public sealed class SafeRegexTests
{
    [Theory]
    [InlineData("^/a$", "/a", true)]
    [InlineData("^/a$", "/a\n", false)]
    [InlineData(@"^\d+$", "\u0663", false)]
    [InlineData(@"^\w+$", "\u00e4", false)]
    [InlineData(@"^\W$", "\u00e4", true)]
    [InlineData(@"^\S\s$", "a\u000b", false)]
    [InlineData("^.$", "\U0001F600", true)]
    [InlineData("^[^/]$", "\U0001F600", true)]
    [InlineData("^.$", "\n", false)]
    [InlineData("^[^/]$", "\n", true)]
    [InlineData("(?i)^[a-k]x$", "\u212aX", true)]
    [InlineData(@"(?i)^\w\w$", "\u017f\u212a", true)]
    [InlineData(@"(?i)^\W$", "\u017f", false)]
    [InlineData(@"(?i)^[\w-]$", "\u212a", true)]
    [InlineData(@"^\w$", "\u017f", false)]
    [InlineData("(?i)stra", "\u017fTRA", true)]
    [InlineData("stra", "\u017ftra", false)]
    [InlineData("^[]a-]+$", "]a-", true)]
    [InlineData("^[a-z-[aeiou]\\]$", "b]", true)]
    [InlineData(@"^[\w.]+\.(?:jpe?g|png){1,2}?$", "a.b.jpegpng", true)]
    [InlineData(@"^(?P<first>a|b)(?<second>c*)\z", "bcc", true)]
    [InlineData("a|^b", "cb", false)]
    [InlineData("x#y z", "x#y z", true)]
    [InlineData("|a", "", true)]
    public void It_finds_what_RE2_finds(string pattern, string text, bool isFound) => Assert.Equal(isFound, SafeRegex.Parse(pattern).IsMatch(text));

    [Theory]
    [InlineData("")]
    [InlineData("(a")]
    [InlineData("a)")]
    [InlineData("[a")]
    [InlineData("*a")]
    [InlineData("a**")]
    [InlineData("a*?+")]
    [InlineData("^*")]
    [InlineData("a{101}")]
    [InlineData("a{,3}")]
    [InlineData("a{")]
    [InlineData("a}")]
    [InlineData("[b-a]")]
    [InlineData("[[:alpha:]]")]
    [InlineData(@"(a)\1")]
    [InlineData(@"\bword")]
    [InlineData(@"\pL")]
    [InlineData(@"[\D]")]
    [InlineData(@"\x41")]
    [InlineData("a\\")]
    [InlineData("(?=a)")]
    [InlineData("(?!a)")]
    [InlineData("(?<=a)b")]
    [InlineData("(?m)^a")]
    [InlineData("a(?i)b")]
    [InlineData("(?P<a-b>c)")]
    [InlineData("(?i)\u00e4")]
    [InlineData("\U0001F600")]
    public void It_refuses_what_means_something_else_or_nothing(string pattern) => Assert.NotNull(SafeRegex.FindFault(pattern));

    [Fact]
    public void It_refuses_what_is_too_long_or_too_deep()
    {
        Assert.NotNull(SafeRegex.FindFault(new string('a', 501)));
        Assert.NotNull(SafeRegex.FindFault(string.Concat(Enumerable.Repeat('(', 21)) + string.Concat(Enumerable.Repeat(')', 21))));
        Assert.NotNull(SafeRegex.FindFault("(((((((a{100}){100}){100}){100}){100}){100}){100})"));
    }

    /// <summary>A backtracking engine would need longer than the world is old; ten seconds allow for a busy machine.</summary>
    [Fact]
    public void No_path_makes_it_slow()
    {
        var regex = SafeRegex.Parse("^(/(a|a)*)*b$");
        var clock = Stopwatch.StartNew();

        Assert.DoesNotMatch(regex, "/" + new string('a', 8000));

        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"{clock.Elapsed}");
    }
}
