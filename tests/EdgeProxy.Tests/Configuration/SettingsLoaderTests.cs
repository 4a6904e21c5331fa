using EdgeProxy.Configuration;
using EdgeProxy.Diagnostics;
using EdgeProxy.Settings;
using EdgeProxy.Slots;
using EdgeProxy.Units;

namespace EdgeProxy.Tests.Configuration;

public sealed class SettingsLoaderTests
{
    [Fact]
    public void The_file_of_the_repository_is_valid_and_warns_of_nothing()
    {
        using var shipped = SettingsFile.Of(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "appsettings.json")));
        var settings = shipped.Load();

        Assert.Empty(settings.Problems);
        var options = settings.Options!;
        Assert.Equal("http://127.0.0.1:8000", options.Slots[SlotName.Blue].Address);
        Assert.Equal("app-server-green.service", options.Slots[SlotName.Green].Unit);
        Assert.Equal("http://*:80", settings.Configuration["Kestrel:Endpoints:Http:Url"]);
    }

    [Fact]
    public void What_a_file_leaves_out_has_its_default()
    {
        using var file = SettingsFile.With();
        var settings = file.Load();

        Assert.Empty(settings.Problems);
        var options = settings.Options!;
        Assert.Equal(TimeSpan.FromSeconds(150), options.Switch.DrainTimeout);
        Assert.Equal("http://127.0.0.1:9900", options.Admin.Url);
        Assert.Null(options.Compression.Encodings);
        Assert.Equal(UnitManagerKind.Systemd, options.Units.Manager);
    }

    [Fact]
    public void Values_of_every_kind_arrive()
    {
        using var file = SettingsFile.Of("""
            { // people write comments
              "edgeproxy": {
                "Slots": { "blue": { "Address": "http://127.0.0.1:1", "Unit": "b.service" }, "Green": { "Address": "unix:/run/g.sock", "Unit": "g.service" } },
                "InitialSlot": "green",
                "Switch": { "WarmUp": ["/", "/v1/items/?page=2"], "DrainTimeout": "00:01:00.5", "StreamPaths": [], },
                "Upstream": { "ServerKeepAlive": "00:01:15", "MaxRequestBodySize": 5000000000 },
                "Units": { "Process": { "Environment": { "A_B": "1" } } },
                "Admin": { "Url": null, "TokenForReads": true },
                "AccessLog": { "Format": "none" },
              },
            }
            """);
        var settings = file.Load();

        Assert.Empty(settings.Problems);
        var options = settings.Options!;
        Assert.Equal(SlotName.Green, options.InitialSlot);
        Assert.Equal(["/", "/v1/items/?page=2"], options.Switch.WarmUp!);
        Assert.Equal(TimeSpan.FromSeconds(60.5), options.Switch.DrainTimeout);
        Assert.Equal(TimeSpan.FromSeconds(75), options.Upstream.ServerKeepAlive);
        Assert.Equal(5_000_000_000, options.Upstream.MaxRequestBodySize);
        Assert.Equal("1", options.Units.Process.Environment!["A_B"]);
        Assert.Null(options.Admin.Url);
        Assert.True(options.Admin.TokenForReads);
        Assert.Equal(AccessLogFormat.None, options.AccessLog.Format);
    }

    [Fact]
    public void The_environment_wins_over_the_file()
    {
        using var file = SettingsFile.With("EdgeProxy:Health:Path", "\"/from-file\"")
            .WithVariable("EdgeProxy__Health__Path", "/from-environment")
            .WithVariable("EdgeProxy__TrustedProxies__0", "10.0.0.0/8")
            .WithVariable("Kestrel__Endpoints__Http__Url", "http://*:8080");
        var settings = file.Load();

        Assert.Empty(settings.Problems);
        Assert.Equal("/from-environment", settings.Options!.Health.Path);
        Assert.Equal(["10.0.0.0/8"], settings.Options.TrustedProxies!);
        Assert.Equal("http://*:8080", settings.Configuration["Kestrel:Endpoints:Http:Url"]);
    }

    [Fact]
    public void A_problem_in_the_environment_names_the_variable()
    {
        using var file = SettingsFile.With().WithVariable("EdgeProxy__Health__Attempts", "many").WithVariable("EdgeProxy__Helth__Path", "/");
        Assert.Equal(
            [
                "error: EdgeProxy:Helth is not a setting; did you mean EdgeProxy:Health?",
                "error: EdgeProxy:Health:Attempts = \"many\" must be a whole number (environment variable EdgeProxy__Health__Attempts)",
            ],
            file.Load().Problems.Select(problem => problem.ToString()).Order(StringComparer.Ordinal).Reverse());
    }

    [Fact]
    public void All_problems_are_reported_together()
    {
        using var file = SettingsFile.Of("""
            {
              "EdgeProxy": {
                "Slots": { "Blue": { "Address": "http://127.0.0.1:8000", "Unit": "app.service" }, "Green": { "Address": "http://localhost:8000" } },
                "Health": { "Atempts": 3, "Interval": "30", "Successes": 0 },
                "Switch": { "DrainTimeout": "24:00:00" },
                "Admin": { "SocketMode": "0666" }
              }
            }
            """);
        var settings = file.Load();

        Assert.Null(settings.Options);
        Assert.Equal(
            [
                "error: EdgeProxy:Health:Atempts = \"3\" is not a setting; did you mean EdgeProxy:Health:Attempts?",
                "error: EdgeProxy:Health:Interval = \"30\" must be a duration: \"hh:mm:ss\", or \"d.hh:mm:ss\" for 24 hours and more",
                "error: EdgeProxy:Switch:DrainTimeout = \"24:00:00\" must be a duration: \"hh:mm:ss\", or \"d.hh:mm:ss\" for 24 hours and more",
                "error: EdgeProxy:Slots:Green:Address = \"http://localhost:8000\" is the address of blue too; each slot needs its own",
                "error: EdgeProxy:Slots:Green:Unit is missing: the systemd service that runs the slot (or set EdgeProxy:Units:Manager to Process)",
                "error: EdgeProxy:Health:Successes = \"0\" must be a whole number from 1 to 100",
                "warning: EdgeProxy:Admin:SocketMode = \"0666\" lets every user of this machine switch",
            ],
            settings.Problems.Select(problem => problem.ToString()));
    }

    [Fact]
    public void A_file_that_does_not_exist_is_a_problem()
    {
        var problem = Assert.Single(SettingsLoader.Load("/nonexistent/edgeproxy.json").Problems);
        Assert.Equal("error: /nonexistent/edgeproxy.json does not exist; name the settings file with --config FILE", problem.ToString());
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_a_problem_and_no_other_file_takes_its_place()
    {
        using var other = SettingsFile.With();
        var directory = Path.GetDirectoryName(other.Path)!;
        var settings = SettingsLoader.Load([directory, other.Path], "");

        Assert.Equal(directory, settings.File);
        Assert.Contains("cannot be read", Assert.Single(settings.Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_named_file_the_first_that_exists_is_read()
    {
        using var file = SettingsFile.With();
        Assert.Equal(file.Path, SettingsLoader.Load(["/nonexistent/appsettings.json", file.Path], "NONE_").File);
        Assert.Equal("/etc/edgeproxy/appsettings.json", SettingsLoader.WellKnownFiles[0]);
        Assert.Equal(Path.Combine(AppContext.BaseDirectory, "appsettings.json"), SettingsLoader.WellKnownFiles[1]);
    }

    [Theory]
    [InlineData("{\n  \"EdgeProxy\": {\n    \"Slots\" }\n}", "is not valid JSON at line 3, column 13: ")]
    [InlineData("", "is not valid JSON at line 1, column 1: ")]
    [InlineData("[]", "must hold one JSON object")]
    [InlineData("{ \"AllowedHosts\": \"*\", \"allowedhosts\": \"*\" }", "cannot be used: ")]
    public void A_malformed_file_is_a_problem_that_says_where(string content, string message)
    {
        using var file = SettingsFile.Of(content);
        var problem = Assert.Single(file.Load().Problems);
        Assert.Equal(file.Path, problem.Key);
        Assert.StartsWith(message, problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("LineNumber", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Secrets_are_not_quoted()
    {
        using var file = SettingsFile.With("EdgeProxy:Tls:Acme:ExternalAccount", """{ "KeyId": "k", "HmacKey": "se/cret" }""");
        var problem = Assert.Single(file.Load().Problems, problem => problem.Severity == SettingsSeverity.Error);
        Assert.DoesNotContain("se/cret", problem.ToString(), StringComparison.Ordinal);
    }
}
