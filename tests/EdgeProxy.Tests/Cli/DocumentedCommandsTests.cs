using System.CommandLine.Parsing;
using EdgeProxy.Cli;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Cli;

/// <summary>A command that a page shows can be typed as it stands there.</summary>
public sealed class DocumentedCommandsTests
{
    [Theory]
    [InlineData("README.md", 2)]
    [InlineData("docs/operations.md", 8)]
    [InlineData("docs/switching.md", 4)]
    [InlineData("docs/from-caddy.md", 2)]
    public async Task Every_command_line_of_a_page_is_right(string page, int atLeast)
    {
        var root = EdgeProxyCommand.Create();
        var count = 0;
        var isCode = false;
        foreach (var line in await File.ReadAllLinesAsync(Repository.File(page), TestContext.Current.CancellationToken))
        {
            isCode = line.StartsWith("```", StringComparison.Ordinal) ? line == "```sh" : isCode;
            if (isCode && line.StartsWith("edgeproxy ", StringComparison.Ordinal))
            {
                var own = line["edgeproxy ".Length..].Split(" #")[0].Split('|', '>')[0];
                var parsed = root.Parse([.. CommandLineParser.SplitCommandLine(own)]);
                Assert.True(parsed.Errors.Count == 0, $"{line}: {string.Join("; ", parsed.Errors.Select(error => error.Message))}");
                count++;
            }
        }

        Assert.True(count >= atLeast, $"{page} shows {count} commands");
    }

    [Fact]
    public async Task Both_languages_of_the_first_page_show_the_same_code()
    {
        Assert.Equal(await CodeOfAsync("README.md"), await CodeOfAsync("README.zh-CN.md"));

        static async Task<List<string>> CodeOfAsync(string page)
        {
            var lines = await File.ReadAllLinesAsync(Repository.File(page), TestContext.Current.CancellationToken);
            var isCode = false;
            return [.. lines.Where(line => line.StartsWith("```", StringComparison.Ordinal) ? isCode = !isCode : isCode)
                .Select(line => line.Split(" #")[0].TrimEnd())];
        }
    }
}
