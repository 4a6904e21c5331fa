using EdgeProxy.Proxying;
using FsCheck.Xunit;

namespace EdgeProxy.Tests.Proxying;

public sealed class RequestTargetTests
{
    [Theory]
    [InlineData("/a?b", "/a?b")]
    [InlineData("http://host", "/")]
    [InlineData("http://host/a/b?c", "/a/b?c")]
    [InlineData("http://host?c", "/?c")]
    [InlineData("*", null)]
    [InlineData("host:443", null)]
    public void Path_and_query_are_what_follows_the_authority(string raw, string? expected) => Assert.Equal(expected, RequestTarget.PathAndQuery(raw));

    [Fact]
    public void Dots_in_the_query_are_nobodys_business() => Assert.False(RequestTarget.HasDotSegment("/a?next=/../b"));

    /// <summary>The oracle: decode as a lenient app would, then look at the segments.</summary>
    [Property(MaxTest = 500)]
    public bool Agrees_with_decoding_and_splitting(byte[] picks)
    {
        string[] alphabet = ["/", ".", "%2e", "%2E", "%2f", "%2F", "\\", "%5c", "a", "%", "%41", "2"];
        var target = "/" + string.Concat(picks.Select(pick => alphabet[pick % alphabet.Length]));
        var decoded = target
            .Replace("%2e", ".", StringComparison.OrdinalIgnoreCase)
            .Replace("%2f", "/", StringComparison.OrdinalIgnoreCase)
            .Replace("%5c", "/", StringComparison.OrdinalIgnoreCase)
            .Replace('\\', '/');
        // A "%" before "2e" may pair up in the oracle's single pass as it does in ours: both read from the left.
        return RequestTarget.HasDotSegment(target) == decoded.Split('/').Any(segment => segment is "." or "..");
    }
}
