using System.Text.Json.Nodes;
using EdgeProxy.Slots;
using EdgeProxy.Tests.StaticFiles;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.CaddyImport;

/// <summary>The real Caddy is the judge of what a Caddyfile means: of its responses, of its own reading of the file, and of what is no Caddyfile at
/// all.</summary>
public sealed class CaddyEquivalenceTests
{
    private static readonly string[] _paths =
    [
        "/",
        "/a.css",
        "/static/a.css",
        "/static/css/b.css",
        "/static/css/none.css",
        "/static/none",
        "/staticfoo/a.css",
        "/media/a.css",
        "/media/static/a.css",
        "/assets/a.css",
        "/other/static/a.css",
        "/static/",
        "/static",
        "/media",
        "/static/css",
        "/static/css/",
        "/static/index.html",
        "/static/css/index.html",
        "/static/css/a.css/",
        "/media/",
        "/assets/",
    ];

    [Theory]
    // the recipe
    [InlineData(
        "@static path /static/*\nhandle @static {\nroot * DIR/files\nfile_server\n}\n@media path /media/*\nhandle @media {\nroot * " +
            "DIR/files/media\nfile_server\n}\nreverse_proxy {\nimport upstream\n}")]
    [InlineData(
        "handle_path /static/* {\nroot * DIR/files\nfile_server\n}\nhandle_path /media/* {\nroot * DIR/files/static\nfile_server\n}\nhandle {\nimport app\n}")]
    [InlineData("root * DIR/files\n@app not path /static/* /media/*\nhandle @app {\nimport app\n}\nhandle {\nfile_server\n}")]
    [InlineData("root * DIR/files\n@app {\nnot path /static/*\nnot path /assets/*\n}\nreverse_proxy @app {\nimport upstream\n}\nfile_server")]
    [InlineData("root * DIR/nothing\nroot /static/* DIR/files\nfile_server /static/*\nimport app")] // reverse_proxy comes first
    [InlineData("route {\nroot * DIR/files\nfile_server /static/*\nimport app\n}")]
    [InlineData("handle /static/* {\nroot * DIR/files\nfile_server\n}\nhandle_path /static/css/* {\nroot * DIR/files/media\nfile_server\n}\nimport app")]
    // a handle may not end the request
    [InlineData("handle /static/* {\nhandle /static/css/* {\nroot * DIR/files\n}\nhandle {\nroot * DIR/files/media\n}\nfile_server\n}\nimport app")]
    // the app beneath files
    [InlineData("handle /static/* {\nuri strip_prefix /static\nroot * DIR/files\nfile_server\n}\nhandle /static/css/* {\nimport app\n}\nimport app")]
    [InlineData("root * DIR/files\n@f path /static/* /media/* /assets/*\nhandle @f {\nfile_server\n}\nimport app")]
    [InlineData("root * DIR/files\nroute /static/* {\nfile_server {\nindex page.html index.html\n}\n}\nimport app")]
    [InlineData("root * DIR/files\nhandle /static/* {\nfile_server\n}\nhandle /static/css/* {\nfile_server {\nindex page.html\n}\n}\nimport app")]
    [InlineData("handle /other/* {\nroot * DIR\n}\nroute /assets/* {\nroot * DIR/files\nfile_server\n}\nimport app")]
    public async Task The_same_requests_have_the_same_responses(string directives)
    {
        Assert.SkipUnless(File.Exists(CaddyServer.Binary), "caddy is not installed");
        await using var app = await Backend.StartAsync(context => context.Response.WriteAsync($"the app at {context.Request.Path}"));
        using var file = new Caddyfile("");
        file.Write("upstream", $"to {app.Address}\n");
        file.Write("app", $"reverse_proxy {app.Address}\n");
        foreach (
            var name in new[]
            {
                "a.css",
                "static/a.css",
                "static/css/b.css",
                "media/a.css",
                "media/b.css",
                "media/static/a.css",
                "media/media/a.css",
                "assets/a.css",
                "staticfoo/a.css",
                "static/static/a.css",
                "static/index.html",
                "index.html",
                "static/css/index.txt",
                "static/css/page.html",
                "media/index.html",
            })
        {
            file.Write($"files/{name}", $"/* {name} */");
        }

        await using var caddy = await CaddyServer.StartAsync(file.Path, directives.Replace("DIR", Path.GetDirectoryName(file.Path), StringComparison.Ordinal));
        var result = file.Import(new(Blue: app.Address, Green: "http://127.0.0.1:1", HealthPath: Caddyfile.HealthPath));
        var settings = Caddyfile.Load(result).Options!;
        await using var proxy = await DataPlane.StartAsync(
            settings.Slots.Blue!.Address!, settings.Slots.Green!.Address!, options =>
                (options.Sites, options.StaticFiles, options.Compression) = (settings.Sites, settings.StaticFiles, settings.Compression));
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });
        foreach (var path in _paths)
        {
            Assert.Equal((path, await AskAsync(client, caddy.Address, path)), (path, await AskAsync(client, proxy.Address, path)));
        }
    }

    [Theory]
    [InlineData("api.example.com {\nreverse_proxy 127.0.0.1:8000\n}")]
    [InlineData("{\nemail a@example.com\n}\na.example.com, b.example.com {\nencode gzip\nreverse_proxy localhost:8100\n}")]
    [InlineData("http://a.example.com:8080,\nhttp://B.example.com:8080 {\nreverse_proxy {\nto 127.0.0.1:8000\n}\n}")]
    [InlineData(":80\n\nreverse_proxy 127.0.0.1:8000 # the app\n")]
    [InlineData(":8080 {\nreverse_proxy \"127.0.0.1:8000\"\n}")]
    [InlineData(
        "(app) {\nreverse_proxy {args.0}\n}\nhttp://a.example.com {\nimport app 127.0.0.1:8000\n}\nhttp://b.example.com {\nimport app 127.0.0.1:8000\n}")]
    [InlineData("{\nhttp_port 8081\nauto_https disable_redirects\n}\nhttp://a.example.com {\nbind 127.0.0.1\nreverse_proxy http://127.0.0.1:8000\n}")]
    [InlineData("http://{$HOST:a.example.com} {\nreverse_proxy \\\n  127.0.0.1:8000\n}")]
    [InlineData("https://a.example.com:8443\n{\ntls /c.pem /k.pem\nreverse_proxy :8000\n}")]
    public async Task Caddy_reads_the_same_names_ports_and_upstreams(string content)
    {
        using var file = new Caddyfile(content + "\n");
        var servers = (await AdaptAsync(file))["apps"]!["http"]!["servers"]!.AsObject().Select(server => server.Value!).ToList();
        var loaded = Caddyfile.Load(file.Import());

        var hosts = servers.SelectMany(server => Find(server, "host")).SelectMany(list => list.AsArray()).Select(host => host!.GetValue<string>()).Distinct()
            .Order();
        Assert.Equal(hosts.DefaultIfEmpty("*"), loaded.Configuration["AllowedHosts"]!.Split(';').Order());

        var listens = servers.SelectMany(server => server["listen"]!.AsArray()).Select(listen => listen!.GetValue<string>()).Distinct();
        var endpoints = loaded.Configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(endpoint => endpoint["Url"]!.Split("//")[1].TrimStart('*'))
            .ToHashSet();
        Assert.All(listens, listen => Assert.Contains(listen, endpoints)); // beside these only the port that redirects

        var dial = Assert.Single(servers.SelectMany(server => Find(server, "dial")).Select(dial => dial.GetValue<string>()).Distinct());
        var active = loaded.Options!.Slots.Find(loaded.Options.InitialSlot)!.Address;
        Assert.True(
            SlotAddress.TryParse($"http://{(dial.StartsWith(':') ? "127.0.0.1" : "")}{dial}", out var theirs)
                && SlotAddress.TryParse(active, out var ours)
                && theirs.EndPoint.Equals(ours.EndPoint),
            $"{dial}: {active}");
    }

    /// <summary>Whatever Caddy cannot read is not guessed at here.</summary>
    [Theory]
    [InlineData(":80 {\nreverse_proxy :8000")]
    [InlineData(":80 {\nreverse_proxy :8000\n}\n}")]
    [InlineData(":80 {\nhandle /x/* { reverse_proxy :8000 }\n}")]
    [InlineData(":80 {\nhandle /x/*\n{\nreverse_proxy :8000\n}\n}")]
    [InlineData("a.example.com{\nreverse_proxy :8000\n}")]
    [InlineData("a.example.com, {\nreverse_proxy :8000\n}")]
    [InlineData(":80 {\nreverse_proxy \":8000\n}")]
    [InlineData(":80 {\nreverse_proxy :8000\n}\n{\nemail a@example.com\n}")]
    [InlineData(":80 {\nimport Caddyfile\n}")]
    [InlineData("(a) {\nimport a\n}\n:80 {\nimport a\n}")]
    [InlineData(":80 {\nimport nothing/here\n}")]
    [InlineData(":80 {\nfoo\nreverse_proxy :8000\n}")]
    [InlineData("{\nfoo\n}\n:80 {\nreverse_proxy :8000\n}")]
    [InlineData(":80 {\nhandle @none {\nreverse_proxy :8000\n}\n}")]
    [InlineData(":80 {\n@m path /a/*\n@m path /b/*\nreverse_proxy @m :8000\n}")]
    [InlineData(":80 {\nreverse_proxy {\nlb_try_duration soon\nto :8000\n}\n}")]
    [InlineData("(a) {\n}\n(a) {\n}\n:80 {\nreverse_proxy :8000\n}")]
    [InlineData(":80 {\nroot *\nreverse_proxy :8000\n}")]
    public async Task What_caddy_refuses_is_refused(string content)
    {
        Assert.SkipUnless(File.Exists(CaddyServer.Binary), "caddy is not installed");
        using var file = new Caddyfile(content + "\n");

        var adapted = await Tool.RunAsync("caddy", ["adapt", "--config", file.Path, "--adapter", "caddyfile"]);

        Assert.NotEqual(0, adapted.ExitCode);
        Assert.NotEmpty(file.Import().Problems);
    }

    private static async Task<JsonNode> AdaptAsync(Caddyfile file)
    {
        Assert.SkipUnless(File.Exists(CaddyServer.Binary), "caddy is not installed");
        var adapted = await Tool.RunAsync("caddy", ["adapt", "--config", file.Path, "--adapter", "caddyfile"]);
        Assert.True(adapted.ExitCode == 0, adapted.Error);
        return JsonNode.Parse(adapted.Output)!;
    }

    /// <summary>The values of a member, however deep.</summary>
    private static IEnumerable<JsonNode> Find(JsonNode? node, string name) => node switch
    {
        JsonObject members => members.SelectMany(member => member.Key == name ? [member.Value!] : Find(member.Value, name)),
        JsonArray elements => elements.SelectMany(element => Find(element, name)),
        _ => [],
    };

    /// <summary>The status, and the body of what was found.</summary>
    private static async Task<(int Status, string Body)> AskAsync(HttpClient client, Uri server, string path)
    {
        using var response = await client.GetAsync(new Uri(server, path), TestContext.Current.CancellationToken);
        var body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return ((int)response.StatusCode, response.IsSuccessStatusCode ? $"{response.Headers.CacheControl} {body}" : "");
    }
}
