using EdgeProxy.Sites.Matching;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Tests.Sites;

/// <summary>Whether a file is there decides a route.</summary>
public sealed class FileTestTests
{
    [Theory]
    [InlineData("/on", "/any", true)]
    [InlineData("//on", "/any", true)]
    [InlineData("/on/", "/any", false)]
    [InlineData("/dir", "/any", false)]
    [InlineData("/dir/", "/any", true)]
    [InlineData("/.dot", "/any", true)]
    [InlineData("/link", "/any", true)]
    [InlineData("/broken", "/any", false)]
    [InlineData("/on/x", "/any", false)]
    [InlineData("{path}", "/on?x", true)]
    [InlineData("{path}", "/on/", true)]
    [InlineData("{path}", "//dir//a%20b", true)]
    [InlineData("{path}", "/dir%2Fa%20b", true)]
    [InlineData("{path}", "/ON", false)]
    [InlineData("{path}", "/", false)]
    [InlineData("{path}", "/dir", false)]
    [InlineData("{path}", "/caf%E9", false)]
    [InlineData("{path}", "/caf%25E9", true)]
    [InlineData("{path}", "/on%00", false)]
    [InlineData("{path}", "/o*", false)]
    [InlineData("{path}/", "/dir", true)]
    [InlineData("{path}/", "/", true)]
    [InlineData("{path}.html", "/page", true)]
    [InlineData("/dir{path}", "/a%20b", true)]
    public void What_is_there_holds(string pattern, string target, bool holds)
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory["on"], "");
        File.WriteAllText(directory[".dot"], "");
        File.WriteAllText(directory["page.html"], "");
        Directory.CreateDirectory(directory["dir"]);
        File.WriteAllText(directory["dir/a b"], "");
        File.CreateSymbolicLink(directory["link"], "/etc/passwd");
        File.CreateSymbolicLink(directory["broken"], "/nothing/here");
        File.WriteAllText(directory["caf%E9"], "");
        var context = new DefaultHttpContext();
        context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = target;

        Assert.Equal(holds, new FileTest(directory.Path + pattern).Holds(context));
    }

    [Theory]
    [InlineData("maintenance.on", "absolute")]
    [InlineData("{path}", "absolute")]
    [InlineData("/srv/{host}", "{path}")]
    [InlineData("/srv/../x", "segment")]
    [InlineData("/srv/.{path}", "segment")]
    [InlineData("/srv{path}/..", "segment")]
    public void A_pattern_that_could_lead_elsewhere_is_refused(string pattern, string why) => Assert.Contains(why, FileTest.FindFault(pattern)!);
}
