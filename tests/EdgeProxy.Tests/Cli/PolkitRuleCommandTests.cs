using EdgeProxy.Common;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Cli;

public sealed class PolkitRuleCommandTests : IDisposable
{
    private const string Address = "\"Address\": \"http://127.0.0.1:8";

    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public async Task It_names_the_units_of_all_apps_and_their_companions()
    {
        var run = await RunAsync($$"""
            "Apps": {
              "shop": {
                "Hosts": ["shop.example.com"], "Health": { "Path": "/" },
                "Slots": { "Blue": { {{Address}}000", "Unit": "shop-blue.service" }, "Green": { {{Address}}100", "Unit": "shop-green.service" } },
                "Companions": [{ "Name": "beat", "BlueUnit": "beat-blue.service", "GreenUnit": "beat-green.service" }, { "Name": "mail", "Unit": "mail.service" }]
              },
              "blog": {
                "Hosts": ["blog.example.com"], "Health": { "Path": "/" },
                "Slots": { "Blue": { {{Address}}200", "Unit": "blog@blue.service" }, "Green": { {{Address}}300", "Unit": "blog@green.service" } }
              }
            }
            """, "--user", "proxy");

        Assert.Equal(ExitCode.Done, run.ExitCode);
        Assert.Contains(
            """
            var units = ["blog@blue.service", "blog@green.service", "shop-blue.service", "shop-green.service", "beat-blue.service", "beat-green.service", "mail.service"];
            """,
            run.Output,
            StringComparison.Ordinal);
        Assert.Contains("subject.user !== \"proxy\"", run.Output, StringComparison.Ordinal);
    }

    /// <summary>As systemd-escape(1) makes them; JavaScript would read the unit's own backslash as the begin of another character.</summary>
    [Fact]
    public async Task A_backslash_of_a_name_stays_one()
    {
        var run = await RunAsync($$"""
            "Slots": { "Blue": { {{Address}}000", "Unit": "my\\x2dapp.service" }, "Green": { {{Address}}100", "Unit": "b.service" } }, "Health": { "Path": "/" }
            """);

        Assert.Contains("""var units = ["my\\x2dapp.service", "b.service"];""", run.Output, StringComparison.Ordinal);
    }

    /// <summary>The file that the package has is this verb's output for the names that its settings have.</summary>
    [Fact]
    public async Task The_shipped_rule_is_its_own()
    {
        var run = await RunAsync($$"""
            "Slots": { "Blue": { {{Address}}000", "Unit": "app-server-blue.service" }, "Green": { {{Address}}100", "Unit": "app-server-green.service" } },
            "Health": { "Path": "/" }
            """);

        Assert.Equal(await File.ReadAllTextAsync(Repository.File("deploy/polkit/49-edgeproxy.rules"), TestContext.Current.CancellationToken), run.Output);
    }

    [Theory]
    [InlineData("a\") || true; //", "--user must be the name of a user")]
    [InlineData("root\n", "--user must be the name of a user")]
    public async Task A_user_that_cannot_be_one_is_refused(string user, string told)
    {
        var run = await RunAsync($$"""
            "Slots": { "Blue": { {{Address}}000", "Unit": "a.service" }, "Green": { {{Address}}100", "Unit": "b.service" } }, "Health": { "Path": "/" }
            """, "--user", user);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains(told, run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Fact]
    public async Task Settings_without_a_unit_need_no_rule()
    {
        var run = await RunAsync($$"""
            "Slots": { "Blue": { {{Address}}000" }, "Green": { {{Address}}100" } }, "Health": { "Path": "/" },
            "Units": { "Manager": "Process", "Process": { "Command": "gunicorn --bind {address} app.wsgi" } }
            """);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains("so no rule is needed", run.Error, StringComparison.Ordinal);
    }

    public void Dispose() => _directory.Dispose();

    private async Task<CommandLine> RunAsync(string settings, params string[] options)
    {
        var file = _directory["settings.json"];
        await File.WriteAllTextAsync(file, $$"""{ "EdgeProxy": { {{settings}} } }""", TestContext.Current.CancellationToken);
        return await CommandLine.RunAsync(["polkit-rule", "--config", file, .. options]);
    }
}
