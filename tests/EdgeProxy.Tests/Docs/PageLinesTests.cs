using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Docs;

/// <summary>No line of a page is longer than 160 characters, but for tables and code, which cannot be wrapped.</summary>
public sealed class PageLinesTests
{
    private const int Longest = 160;

    [Theory]
    [MemberData(nameof(PageLinksTests.Pages), MemberType = typeof(PageLinksTests))]
    public async Task Text_is_wrapped(string page)
    {
        var lines = await File.ReadAllLinesAsync(Repository.File(page), TestContext.Current.CancellationToken);
        var isCode = false;
        var tooLong = new List<int>();
        for (var number = 1; number <= lines.Length; number++)
        {
            var line = lines[number - 1];
            isCode ^= line.StartsWith("```", StringComparison.Ordinal);
            if (line.Length > Longest && !isCode && line[0] != '|')
            {
                tooLong.Add(number);
            }
        }

        Assert.Empty(tooLong);
    }
}
