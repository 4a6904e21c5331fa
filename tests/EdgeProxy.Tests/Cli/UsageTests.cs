using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Cli;

public sealed class UsageTests
{
    [Theory]
    [InlineData("bogus")]
    [InlineData("run", "extra")]
    [InlineData("switch", "--to", "red")]
    [InlineData("status", "--admin", "ftp://host")]
    [InlineData("watch")]
    [InlineData("watch", "ftp://host")]
    [InlineData("watch", "http://host", "--interval", "30")]
    [InlineData("watch", "http://host", "--interval", "0s")]
    [InlineData("watch", "http://host", "--count", "0")]
    [InlineData("sample-backend")]
    [InlineData("sample-backend", "--port", "1", "--socket", "/x")]
    [InlineData("check", "--config", "/no/such/file.json")]
    [InlineData("run", "--config", "/no/such/file.json")]
    [InlineData("import-caddyfile")]
    [InlineData("import-caddyfile", "/no/such/Caddyfile")]
    [InlineData("import-caddyfile", "/dev/null", "--blue", "127.0.0.1:8000")]
    public async Task Wrong_usage_is_explained_and_exits_2(params string[] arguments)
    {
        var run = await CommandLine.RunAsync(arguments);

        Assert.Equal(2, run.ExitCode);
        Assert.NotEqual("", run.Error + run.Output);
    }

    [Theory]
    [InlineData()]
    [InlineData("run")]
    [InlineData("check")]
    [InlineData("status")]
    [InlineData("switch")]
    [InlineData("watch")]
    [InlineData("import-caddyfile")]
    [InlineData("version")]
    public async Task Every_verb_has_help_and_json(params string[] verb)
    {
        var help = await CommandLine.RunAsync([.. verb, "--help"]);

        Assert.Equal(0, help.ExitCode);
        Assert.Contains("--json", help.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_version_is_printed()
    {
        Assert.Matches(@"^edgeproxy \d+\.\d+\.\d+", (await CommandLine.RunAsync("version")).Output);
        Assert.Matches(@"^\{""version"":""\d+\.\d+\.\d+""\}", (await CommandLine.RunAsync("version", "--json")).Output);
    }
}
