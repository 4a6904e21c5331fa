using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Deploy;

/// <summary>Code and scripts have lines of at most 160 characters (<c>.editorconfig</c>). What a raw string literal holds is as long as it is.</summary>
public sealed class LineLengthTests
{
    private const int Most = 160;

    [Fact]
    public void No_line_of_code_is_longer_than_the_editor_shows()
    {
        var files = new[] { "src", "tests", "bench" }
            .SelectMany(folder => Directory.EnumerateFiles(Repository.File(folder), "*.cs", SearchOption.AllDirectories))
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal))
            .ToList();

        Assert.True(files.Count > 500, $"only {files.Count} files were found");
        Assert.Equal([], files.SelectMany(LongLines));
    }

    [Fact]
    public async Task No_line_of_a_shell_script_is_longer() => Assert.Equal([], (await ShellScriptTests.FindAsync()).SelectMany(LongLines));

    private static IEnumerable<string> LongLines(string file)
    {
        var isInLiteral = false;
        foreach (var (i, line) in File.ReadLines(file).Index())
        {
            var delimiters = line.Split("\"\"\"").Length - 1;
            if (line.Length > Most && delimiters == 0 && !isInLiteral)
            {
                yield return $"{Path.GetRelativePath(Repository.File(""), file)}:{i + 1} has {line.Length} characters";
            }

            isInLiteral ^= delimiters % 2 == 1;
        }
    }
}
