using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.CaddyImport;

/// <summary>The Caddyfile of the recipe that EdgeProxy takes the place of, as it is printed, and the verb that reads it.</summary>
public sealed class RecipeTests
{
    private const string Recipe = """
        api.example.com {
        encode zstd gzip
        @static path /static/*
        handle @static {
        root * DIR/app-server/staticfiles
        file_server
        }
        @media path /media/*
        handle @media {
        root * DIR/app-server/media
        file_server
        }
        reverse_proxy {
        import DIR/upstream.txt
        }
        }

        """;

    [Fact]
    public async Task Its_settings_are_printed_whole_and_accepted()
    {
        using var file = new Caddyfile(Recipe);
        file.Write("upstream.txt", "to 127.0.0.1:8000\n");

        var run = await CommandLine.RunAsync("import-caddyfile", file.Path, "--health-path", "/v1/config/feature-flags/");

        Assert.Equal(0, run.ExitCode);
        Assert.True(
            JsonNode.DeepEquals(
                JsonNode.Parse($$"""
                    {
                      "EdgeProxy": {
                        "Slots": {
                          "Blue": { "Address": "http://127.0.0.1:8000", "Unit": "app-server-blue.service" },
                          "Green": { "Address": "http://127.0.0.1:8100", "Unit": "app-server-green.service" }
                        },
                        "InitialSlot": "Blue",
                        "Health": { "Path": "/v1/config/feature-flags/" },
                        "StaticFiles": [
                          { "Path": "/media/", "Root": "{{file["app-server/media/media"]}}", "Index": ["index.html", "index.txt"], "CacheControl": [{ "Path": "*", "Value": "" }], "ExactCase": true },
                          { "Path": "/static/", "Root": "{{file["app-server/staticfiles/static"]}}", "Index": ["index.html", "index.txt"], "CacheControl": [{ "Path": "*", "Value": "" }], "ExactCase": true }
                        ],
                        "Compression": { "Encodings": ["zstd", "gzip"] },
                        "Tls": { "Acme": { "Domains": ["api.example.com"], "AcceptTermsOfService": true } },
                        "AccessLog": { "Format": "None" }
                      },
                      "AllowedHosts": "api.example.com",
                      "Kestrel": { "Endpoints": { "Http": { "Url": "http://*:80" }, "Https": { "Url": "https://*:443" } } }
                    }
                    """),
                JsonNode.Parse(run.Output)),
            run.Output);

        var settings = file.Write("appsettings.json", run.Output);
        var check = await CommandLine.RunAsync("check", "--config", settings);
        Assert.Equal(0, check.ExitCode);
        Assert.Contains("valid", check.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1:8000", "Blue")]
    [InlineData("127.0.0.1:8100", "Green")]
    [InlineData("localhost:8100", "Green")]
    public void The_slot_that_serves_now_is_the_first(string upstream, string slot)
    {
        using var file = new Caddyfile(Recipe);
        file.Write("upstream.txt", $"to {upstream}\n");

        Assert.Equal(slot, file.Import().Settings!["EdgeProxy"]!["InitialSlot"]!.GetValue<string>());
    }

    [Fact]
    public void Where_caddy_finds_no_file_but_one_was_meant_a_note_says_so()
    {
        using var file = new Caddyfile(Recipe);
        file.Write("upstream.txt", "to 127.0.0.1:8000\n");
        file.Write("app-server/staticfiles/admin/base.css", "body {}");
        file.Write("app-server/media/media/photo.txt", "a photo");

        var notes = file.Import().Notes;

        var note = Assert.Single(notes, note => note.Message.Contains("handle keeps the path", StringComparison.Ordinal));
        Assert.Equal((file.Path, 6), (note.File, note.Line));
        Assert.Contains($"\"Root\": \"{file["app-server/staticfiles"]}\"", note.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_problems_are_named_at_once_and_no_settings_are_printed()
    {
        using var file = new Caddyfile(Recipe.Replace("encode zstd gzip", "encode lzma\nredir /old /new page", StringComparison.Ordinal));
        var upstream = file.Write("upstream.txt", "# the active one\nto 127.0.0.1:8000 127.0.0.1:8100\n");

        var run = await CommandLine.RunAsync("import-caddyfile", file.Path);

        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        var lines = run.Error.Split('\n');
        Assert.Contains(lines, line => line.StartsWith($"{file.Path}:2: 'lzma'", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith($"{file.Path}:3: 'redir /old /new page'", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith($"{upstream}:2: names 2 upstreams", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Json_has_settings_problems_and_notes()
    {
        using var file = new Caddyfile(Recipe);
        var missing = JsonNode.Parse((await CommandLine.RunAsync("import-caddyfile", file.Path, "--json")).Output)!;
        file.Write("upstream.txt", "to 127.0.0.1:8000\n");
        var whole = JsonNode.Parse((await CommandLine.RunAsync("import-caddyfile", file.Path, "--json", "--health-path", "/healthz")).Output)!;

        Assert.Null(missing["settings"]);
        Assert.Equal(14, missing["problems"]![0]!["line"]!.GetValue<int>());
        Assert.Contains("upstream.txt cannot be read", missing["problems"]![0]!["message"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal("/healthz", whole["settings"]!["EdgeProxy"]!["Health"]!["Path"]!.GetValue<string>());
        Assert.Empty(whole["problems"]!.AsArray());
        Assert.NotEmpty(whole["notes"]!.AsArray());
    }

    [Fact]
    public async Task What_the_site_has_beside_its_Caddyfile_is_added()
    {
        using var file = new Caddyfile(Recipe);
        file.Write("upstream.txt", "to 127.0.0.1:8000\n");
        using var certificates = new TemporaryDirectory();

        var run = await CommandLine.RunAsync(
            "import-caddyfile", file.Path, "--health-path", "/healthz", "--certificates", certificates.Path, "--server-keep-alive", "75s",
            "--max-concurrent", "12", "--companion", "celery.service", "--companion", "beat@1.service");

        Assert.Equal(0, run.ExitCode);
        var settings = JsonNode.Parse(run.Output)!["EdgeProxy"]!;
        Assert.Equal(certificates.Path, settings["Tls"]!["Certificates"]!.AsArray().Single()!["Certificate"]!.GetValue<string>());
        Assert.Equal("00:01:15", settings["Upstream"]!["ServerKeepAlive"]!.GetValue<string>());
        Assert.Equal(12, settings["Upstream"]!["MaxConcurrent"]!.GetValue<int>());
        Assert.Equal(
            """[{"Name":"celery","Unit":"celery.service"},{"Name":"beat-1","Unit":"beat@1.service"}]""", settings["Companions"]!.ToJsonString());
    }

    [Fact]
    public void Slots_elsewhere_are_named_or_found_beside_the_app()
    {
        var found = Caddyfile.Settings("http://a.example.com {\nreverse_proxy 127.0.0.1:9000\n}\n");
        var named = Caddyfile.Settings(
            "http://a.example.com {\nreverse_proxy unix//run/app/green.sock\n}\n",
            new ImportOptions("unix:/run/app/blue.sock", "unix:/run/app/green.sock", "blue.service", "green.service", "/healthz"));

        Assert.Equal("http://127.0.0.1:9000", found["EdgeProxy"]!["Slots"]!["Blue"]!["Address"]!.GetValue<string>());
        Assert.Equal("http://127.0.0.1:9100", found["EdgeProxy"]!["Slots"]!["Green"]!["Address"]!.GetValue<string>());
        Assert.Equal("Green", named["EdgeProxy"]!["InitialSlot"]!.GetValue<string>());
        Assert.Equal("green.service", named["EdgeProxy"]!["Slots"]!["Green"]!["Unit"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("unix//run/app.sock", null, null, "the second slot needs an address")]
    [InlineData("127.0.0.1:8000", "http://127.0.0.1:9000", "http://127.0.0.1:9001", "neither blue")]
    [InlineData("127.0.0.1:8000", "http://127.0.0.1:8000", null, "the second slot needs an address")]
    [InlineData("web:8000", null, null, "not on this machine's loopback")] // a service of a Compose file
    [InlineData("10.0.0.5:8000", null, null, "not on this machine's loopback")]
    public void Slots_that_cannot_be_meant_are_a_problem(string upstream, string? blue, string? green, string problem)
    {
        using var file = new Caddyfile($"http://a.example.com {{\nreverse_proxy {upstream}\n}}\n");

        var result = file.Import(new ImportOptions(blue, green, HealthPath: Caddyfile.HealthPath));

        Assert.Contains(problem, Assert.Single(result.Problems).Message, StringComparison.Ordinal);
        Assert.Equal(2, result.Problems[0].Line);
        Assert.Null(result.Settings);
    }
}
