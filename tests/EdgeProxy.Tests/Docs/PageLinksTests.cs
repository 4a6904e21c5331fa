using System.Text.RegularExpressions;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Docs;

/// <summary>Every link of a page inside the repository leads to a file that exists and, with a fragment, to a heading of it.</summary>
public sealed partial class PageLinksTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> Pages => [.. new[] { "*.md", "docs/*.md", "docs/adr/*.md", "bench/*.md" }
        .SelectMany(pattern => Directory.EnumerateFiles(Repository.File(Path.GetDirectoryName(pattern)!), Path.GetFileName(pattern)))
        .Select(file => Path.GetRelativePath(Repository.File("."), file))];

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Links_lead_somewhere(string page)
    {
        var directory = Path.GetDirectoryName(Repository.File(page))!;
        foreach (Match link in Link().Matches(WithoutCode().Replace(await File.ReadAllTextAsync(Repository.File(page), Cancellation), "")))
        {
            var parts = link.Groups["target"].Value.Split('#');
            if (parts[0].Contains("://", StringComparison.Ordinal))
            {
                continue;
            }

            var target = parts[0].Length == 0 ? Repository.File(page) : Path.GetFullPath(Path.Combine(directory, parts[0]));
            Assert.True(Path.Exists(target), $"{page}: {link.Value} leads to {target}, which does not exist");
            if (parts.Length > 1)
            {
                var headings = Heading().Matches(await File.ReadAllTextAsync(target, Cancellation)).Select(match => Slug(match.Groups["text"].Value));
                Assert.True(headings.Contains(parts[1]), $"{page}: {link.Value} leads to no heading");
            }
        }
    }

    /// <summary>As GitHub makes the fragment of a heading.</summary>
    private static string Slug(string heading) =>
        NotInSlug().Replace(heading.Trim().ToLowerInvariant(), "").Replace(' ', '-');

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("^```.*?^```|`[^`\n]*`", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex WithoutCode();

    [GeneratedRegex(@"^#+ (?<text>.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\p{L}\p{N} _-]")]
    private static partial Regex NotInSlug();
}
