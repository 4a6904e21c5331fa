using EdgeProxy.Configuration;

namespace EdgeProxy.Tests.Configuration;

/// <summary>Several apps in <c>EdgeProxy:Apps</c>: what is right, and what is wrong by its key.</summary>
public sealed class AppsSettingsTests
{
    private const string Two = """
        {
          "EdgeProxy": {
            "Apps": {
              "shop": {
                "Hosts": ["shop.example.com", "*.shop.example.com"],
                "Slots": { "Blue": { "Address": "http://127.0.0.1:8000", "Unit": "shop-blue.service" }, "Green": { "Address": "http://127.0.0.1:8100", "Unit": "shop-green.service" } }
              },
              "blog-2": {
                "Hosts": ["*"],
                "Slots": { "Blue": { "Address": "http://127.0.0.1:8200", "Unit": "blog-blue.service" }, "Green": { "Address": "unix:/run/blog.sock", "Unit": "blog-green.service" } },
                "InitialSlot": "Green",
                "Switch": { "Observe": "00:00:03" }
              }
            }
          }
        }
        """;

    [Fact]
    public void Two_apps_have_settings_of_their_own_in_the_order_of_their_names()
    {
        using var file = SettingsFile.Of(Two);

        var loaded = file.Load();

        Assert.Empty(loaded.Problems);
        var apps = loaded.Options!.AllApps();
        Assert.Equal([("blog-2", 0), ("shop", 1)], apps.Select(app => (app.Identity.Name, app.Identity.Index)));
        Assert.Equal(TimeSpan.FromSeconds(3), apps[0].Options.Switch.Observe);
        Assert.Equal(TimeSpan.FromSeconds(10), apps[1].Options.Switch.Observe);
        Assert.Equal("EdgeProxy:Apps:shop", apps[1].Identity.SettingsPath);
    }

    [Fact]
    public void Without_Apps_the_top_level_is_one_app_called_app()
    {
        using var file = SettingsFile.With("EdgeProxy:Switch:Observe", "\"00:00:03\"");

        var (identity, app) = Assert.Single(file.Load().Options!.AllApps());

        Assert.Equal(("app", "EdgeProxy", TimeSpan.FromSeconds(3)), (identity.Name, identity.SettingsPath, app.Switch.Observe));
    }

    [Fact]
    public void An_app_that_is_alone_needs_no_hosts()
    {
        using var file = SettingsFile.Of("""
            { "EdgeProxy": { "Units": { "Manager": "Process" }, "Apps": { "shop": {
              "Slots": { "Blue": { "Address": "http://127.0.0.1:8000" }, "Green": { "Address": "http://127.0.0.1:8100" } },
              "Units": { "Process": { "Command": "app {port}" } } } } } }
            """);

        Assert.Empty(file.Load().Problems);
    }

    [Theory]
    [InlineData("\"Hosts\": [\"*\"],", "", "EdgeProxy:Apps:blog-2:Hosts", "is missing: there are several apps")]
    [InlineData("\"*\"", "\"SHOP.example.com\"", "EdgeProxy:Apps:shop:Hosts:0", "is a host of blog-2 too")]
    [InlineData("\"*\"", "\"shop.example.org:8080\"", "EdgeProxy:Apps:blog-2:Hosts:0", "must be a host name")]
    [InlineData("\"*\"", "\"shop.*.org\"", "EdgeProxy:Apps:blog-2:Hosts:0", "must be a host name")]
    [InlineData("\"*\"", "\"\"", "EdgeProxy:Apps:blog-2:Hosts:0", "must be a host name")]
    [InlineData("\"*\"", "\"münchen.de\"", "EdgeProxy:Apps:blog-2:Hosts:0", "in its xn-- form")]
    [InlineData("\"*\"", "\"*\", \"*\"", "EdgeProxy:Apps:blog-2:Hosts:1", "twice")]
    [InlineData("http://127.0.0.1:8200", "http://localhost:8000", "EdgeProxy:Apps:shop:Slots:Blue:Address", "is an address of blog-2 too")]
    [InlineData("http://127.0.0.1:8200", "unix:/run/blog.sock", "EdgeProxy:Apps:blog-2:Slots:Green:Address", "is the address of blue too")]
    [InlineData("blog-blue.service", "shop-green.service", "EdgeProxy:Apps:shop:Slots:Green:Unit", "is a unit of blog-2 too")]
    [InlineData("\"blog-2\"", "\"Blog\"", "EdgeProxy:Apps:Blog", "is not a valid app name")]
    [InlineData("\"blog-2\"", "\"../x\"", "EdgeProxy:Apps:../x", "is not a valid app name")]
    [InlineData("\"blog-2\"", "\"shop-streams\"", "EdgeProxy:Apps:shop-streams", "choose another")]
    [InlineData("\"blog-2\"", "\"a23456789012345678901234567890123\"", "EdgeProxy:Apps:a23456789012345678901234567890123", "is not a valid app name")]
    [InlineData("\"Observe\": \"00:00:03\"", "\"Observe\": \"02:00:00\"", "EdgeProxy:Apps:blog-2:Switch:Observe", "must be a duration from")]
    [InlineData("\"Observe\"", "\"Obserf\"", "EdgeProxy:Apps:blog-2:Switch:Obserf", "did you mean EdgeProxy:Apps:blog-2:Switch:Observe?")]
    [InlineData(
        "\"Apps\": {", "\"Health\": { \"Attempts\": 3 }, \"Apps\": {", "EdgeProxy:Health", "is a section of the app \"app\", and EdgeProxy:Apps is there, too")]
    [InlineData(
        "\"Apps\": {", "\"Units\": { \"Process\": { \"Command\": \"x {port}\" } }, \"Apps\": {", "EdgeProxy:Units:Process",
        "move it to EdgeProxy:Apps:NAME:Units:Process")]
    [InlineData("\"Apps\": {", "\"Admin\": { \"Url\": \"http://127.0.0.1:8200\" }, \"Apps\": {", "EdgeProxy:Admin:Url", "is where the blue slot listens")]
    public void What_is_wrong_is_told_by_its_key(string old, string other, string key, string problem)
    {
        Assert.Contains(old, Two, StringComparison.Ordinal);
        using var file = SettingsFile.Of(Two.Replace(old, other, StringComparison.Ordinal));

        var error = Assert.Single(file.Load().Problems, found => found.Severity == SettingsSeverity.Error);

        Assert.Equal(key, error.Key);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("shop")]
    [InlineData("shop-streams")]
    public void Clusters_of_apps_are_not_for_the_settings_of_YARP(string id)
    {
        using var file = SettingsFile.Of(Two.Insert(1, $$"""
             "ReverseProxy": { "Clusters": { "{{id}}": { "Destinations": { "a": { "Address": "http://127.0.0.1:1/" } } } } },
            """));

        var error = Assert.Single(file.Load().Problems, found => found.Severity == SettingsSeverity.Error);

        Assert.Equal(($"ReverseProxy:Clusters:{id}", true), (error.Key, error.Message.Contains("EdgeProxy's own cluster", StringComparison.Ordinal)));
    }
}
