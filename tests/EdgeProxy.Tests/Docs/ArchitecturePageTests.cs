using System.Text.RegularExpressions;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Docs;

/// <summary><c>docs/architecture.md</c> and <c>CONTRIBUTING.md</c> name files and folders that exist, and the page names every folder.</summary>
public sealed partial class ArchitecturePageTests
{
    private static readonly string _source = Repository.File("src/EdgeProxy");

    [Theory]
    [InlineData("docs/architecture.md", 60)]
    [InlineData("CONTRIBUTING.md", 7)]
    public async Task Every_file_that_a_page_names_exists(string page, int atLeast)
    {
        var text = await File.ReadAllTextAsync(Repository.File(page), TestContext.Current.CancellationToken);
        var files = Directory.EnumerateFiles(_source, "*.cs", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(Repository.File("tests/EdgeProxy.Tests"), "*.cs")).Select(Path.GetFileName).ToHashSet();
        var named = CSharpFile().Matches(text).Select(match => match.Value).Distinct()
            .Where(name => name is not ("XRules.cs" or "XJson.cs" or "XCalls.cs" or "XApi.cs" or "XFeature.cs")).ToList();

        Assert.Empty(named.Except(files));
        Assert.True(named.Count >= atLeast, $"{page} names {named.Count} files");
    }

    [Fact]
    public async Task Every_method_that_the_page_names_is_in_the_file_of_its_class()
    {
        var text = await File.ReadAllTextAsync(Repository.File("docs/architecture.md"), TestContext.Current.CancellationToken);
        var named = Member().Matches(text).Select(match => (Class: match.Groups["class"].Value, Name: match.Groups["member"].Value)).Distinct().ToList();
        Assert.NotEmpty(named);

        foreach (var (type, member) in named)
        {
            var file = Assert.Single(Directory.EnumerateFiles(_source, $"{type}.cs", SearchOption.AllDirectories));
            Assert.Contains($" {member}(", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_page_names_every_folder_and_no_other()
    {
        var text = await File.ReadAllTextAsync(Repository.File("docs/architecture.md"), TestContext.Current.CancellationToken);
        var layers = text[
            text.IndexOf("## Folders and layers", StringComparison.Ordinal)..text.IndexOf("## Threads, loops and timers", StringComparison.Ordinal)];
        var named = Folder().Matches(layers[layers.IndexOf("| layer", StringComparison.Ordinal)..]).Select(match => match.Groups["folder"].Value).ToHashSet();
        var folders = Directory.EnumerateFiles(_source, "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(_source, Path.GetDirectoryName(file)!))
            .Where(folder => folder != "." && folder.Split('/')[0] is not ("obj" or "bin"))
            .Select(folder => folder.Split('/')[0])
            .ToHashSet();

        Assert.Equal(
            folders.Order(StringComparer.Ordinal), named.Where(folder => !folder.Contains('/', StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.All(named, folder => Assert.True(Directory.Exists(Path.Combine(_source, folder)), folder));
    }

    [GeneratedRegex(@"\b[A-Z]\w*(\.[A-Z]\w*)*\.cs\b")]
    private static partial Regex CSharpFile();

    [GeneratedRegex(@"\b(?<class>[A-Z][a-z][A-Za-z]*)\.(?<member>(?!cs\b)[A-Z][a-z][A-Za-z]*)(?=[`: \]""])")]
    private static partial Regex Member();

    [GeneratedRegex("`(?<folder>[A-Z][A-Za-z]*(/[A-Z][A-Za-z]*)?)`")]
    private static partial Regex Folder();
}
