using System.Text.Json;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Cli;

/// <summary><c>check --show</c>: what a script reads instead of the settings file.</summary>
public sealed class CheckShowTests : IDisposable
{
    private const string Settings = """
        { // a comment
          "AllowedHosts": "shop.example.com;api.example.com",
          "EdgeProxy": {
            "Slots": { "Blue": { "Address": "http://127.0.0.1:8000", "Unit": "b.service" }, "Green": { "Address": "http://127.0.0.1:8100", "Unit": "g.service" } },
            "StaticFiles": [{ "Path": "/static", "Root": "/srv/a = b" }]
          }
        }
        """;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task What_is_set_is_shown_by_the_names_of_environment_variables_and_nothing_else()
    {
        var run = await CommandLine.RunAsync("check", "--show", "--config", Write(Settings));

        Assert.Equal(0, run.ExitCode);
        var lines = run.Output.TrimEnd().Split('\n');
        Assert.Contains("EdgeProxy__Slots__Blue__Unit=b.service", lines);
        Assert.Contains("EdgeProxy__StaticFiles__0__Root=/srv/a = b", lines);
        Assert.Contains("AllowedHosts=shop.example.com;api.example.com", lines);
        Assert.DoesNotContain(lines, line => line.StartsWith("PATH=", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_same_as_json()
    {
        var run = await CommandLine.RunAsync("check", "--show", "--json", "--config", Write(Settings));

        using var json = JsonDocument.Parse(run.Output);
        Assert.Equal("/srv/a = b", json.RootElement.GetProperty("EdgeProxy__StaticFiles__0__Root").GetString());
    }

    [Fact]
    public async Task Problems_are_kept_apart_from_what_is_set()
    {
        var run = await CommandLine.RunAsync(
            "check", "--show", "--config", Write(Settings.Replace("\"/srv/a = b\"", "\"relative\"", StringComparison.Ordinal)));

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("EdgeProxy:StaticFiles:0:Root", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("EdgeProxy:StaticFiles:0:Root", run.Output, StringComparison.Ordinal);
    }

    private string Write(string content)
    {
        File.WriteAllText(_directory["appsettings.json"], content);
        return _directory["appsettings.json"];
    }
}
