using EdgeProxy.StaticFiles;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace EdgeProxy.Tests.StaticFiles;

public sealed class StaticMountTests
{
    private static readonly string[] _pieces = [
        "/", "//", ".", "..", "a", "b.css", ".git", "%2f", "%2F", "\\", "\0", "\n", " ", "é", "%", "~", "a.", "...", "\ud800"];

    [Theory]
    [InlineData("/static", "/static")]
    [InlineData("/static/", "/static")]
    [InlineData("/", "")]
    [InlineData("/caf%C3%A9", "/café")]
    public void The_path_is_compared_decoded(string path, string expected) => Assert.Equal(expected, Mount(path).Path);

    /// <summary>As Caddy's matchers do. The file's own name keeps its letter case, and is cached under one key.</summary>
    [Theory]
    [InlineData("/static/a.css", "/static/a.css")]
    [InlineData("/STATIC/A.css", "/static/A.css")]
    [InlineData("/Static", "/static")]
    [InlineData("/STATICX/a.css", null)]
    public void The_path_is_owned_in_any_letter_case(string path, string? own) => Assert.Equal(own, Mount("/static").OwnPath(path, path));

    /// <summary>Whatever is asked for, what goes to the kernel is a plain name below the root.</summary>
    [Property(MaxTest = 5000)]
    public Property A_name_stays_below_the_root() => Prop.ForAll(
        Gen.Elements(_pieces).ListOf().Select(pieces => "/static" + string.Concat(pieces)).ToArbitrary(),
        path =>
        {
            var mount = Mount("/static");
            if (mount.Owns(path) && mount.NameOf(path) is { } name)
            {
                var segments = name.Split('/');
                Assert.All(segments, segment => Assert.False(segment.Length == 0 || segment[0] == '.', name));
                Assert.DoesNotContain(name, character => character is '\\' or < ' ' or '\x7f');
                Assert.DoesNotContain("%2f", name, StringComparison.OrdinalIgnoreCase);
            }
        });

    private static StaticMount Mount(string path) => new(new StaticFilesOptions { Path = path, Root = "/srv" });
}
