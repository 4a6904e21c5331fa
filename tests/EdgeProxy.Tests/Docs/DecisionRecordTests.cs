using System.Text.RegularExpressions;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Docs;

/// <summary>Every decision record fits on a page, has a date and a status, and stands in the index with its title.</summary>
public sealed partial class DecisionRecordTests
{
    private const int LongestRecord = 45;

    private static readonly string _directory = Repository.File("docs/adr");

    public static TheoryData<string> Records =>
        [.. Directory.EnumerateFiles(_directory, "0*.md").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Records))]
    public async Task A_record_has_its_parts_and_fits_on_a_page(string record)
    {
        var text = await File.ReadAllTextAsync(Path.Combine(_directory, record), TestContext.Current.CancellationToken);

        Assert.Matches(Head(), text);
        Assert.Equal(["Context", "Decision", "Consequences"], Heading().Matches(text).Select(match => match.Groups["text"].Value));
        Assert.True(text.Split('\n').Length - 1 <= LongestRecord, $"{record} has more than {LongestRecord} lines: move measurements to bench/RESULTS.md");
    }

    [Fact]
    public async Task The_index_has_every_record_with_its_title()
    {
        var expected = new List<string>();
        foreach (var record in Records.Select(row => row.Data))
        {
            var title = (await File.ReadAllLinesAsync(Path.Combine(_directory, record), TestContext.Current.CancellationToken))[0];
            expected.Add($"| [{record[..4]}]({record}) | {title[(title.IndexOf(". ", StringComparison.Ordinal) + 2)..]} |");
        }

        var index = await File.ReadAllLinesAsync(Path.Combine(_directory, "README.md"), TestContext.Current.CancellationToken);
        Assert.Equal(expected, index.Where(line => line.StartsWith("| [", StringComparison.Ordinal)));
    }

    [GeneratedRegex(@"\A# \d+\. .+\n\n- Date: \d{4}-\d{2}-\d{2}( \(.+\))?\n- Status: (accepted|superseded)", RegexOptions.CultureInvariant)]
    private static partial Regex Head();

    [GeneratedRegex("^## (?<text>.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();
}
