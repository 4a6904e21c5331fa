using EdgeProxy.Configuration;
using EdgeProxy.Settings;

namespace EdgeProxy.Tests.Sites;

/// <summary>Sites that are valid and probably not what was meant.</summary>
public sealed class SiteWarningTests
{
    [Theory]
    [InlineData("""{ "Path": "/a?b=1", "App": "app" }""", "Routes:0:Path:0", "Match:Query")]
    [InlineData("""{ "Match": { "Hosts": "b.example" }, "App": "app" }""", "Routes:0:Match:Hosts", "hosts of the site are a.example")]
    [InlineData("""{ "App": "app" }, { "Respond": { "Status": 204 } }""", "Routes:1", "Routes:0 comes first")]
    [InlineData("""{ "App": "app" }, { "Path": "/x", "Respond": { "Status": 204 } }""", "Routes:1:Path", "Routes:0 comes first")]
    [InlineData("""{ "Path": "/*", "App": "app" }, { "Respond": { "Status": 204 } }""", "Routes:1", "Routes:0 comes first")]
    [InlineData("""{ "Path": "/*", "App": "app" }, { "Path": "*.php", "Respond": { "Status": 204 } }""", "Routes:1:Path", "Routes:0 comes first")]
    [InlineData("""{ "Path": "/api/*", "App": "app" }, { "Path": "/api/v1/*", "Respond": { "Status": 204 } }""", "Routes:1:Path", "Routes:0 comes first")]
    [InlineData("""{ "Path": "/api/*", "App": "app" }, { "Path": "/api/*/x", "Respond": { "Status": 204 } }""", "Routes:1:Path", "Routes:0 comes first")]
    [InlineData("""{ "Path": ["/a", "/a/*"], "App": "app" }, { "Path": ["/A", "/a/b"], "Match": { "Methods": "PUT" }, "App": "app" }""", "Routes:1:Path", "0 comes")]
    [InlineData("""{ "Match": { "Hosts": "*.example" }, "App": "app" }, { "Match": { "Hosts": "a.example" }, "App": "app" }""", "Routes:1", "Routes:0 comes first")]
    [InlineData("""{ "Match": { "Hosts": "a.example" }, "App": "app" }, { "Path": "/x", "App": "app" }""", "Routes:1:Path", "Routes:0 comes first")] // the only host
    [InlineData("""{ "Match": { "Hosts": "*.b.example" }, "App": "app" }""", "Routes:0:Match:Hosts", "hosts of the site are a.example")]
    [InlineData(
        """{ "Match": { "Methods": "GET" }, "App": "app" }, { "Match": { "Methods": ["PUT", "POST"] }, "App": "app" }, { "Match": { "Methods": ["POST", "GET"] }, "App": "app" }""",
        "Routes:2", "Routes:0 and Routes:1 come first")]
    [InlineData("""{ "Match": { "Scheme": "http" }, "App": "app" }, { "Match": { "Scheme": "https" }, "App": "app" }, { "App": "app" }""", "Routes:2", "0 and Routes:1")]
    [InlineData("""{ "Match": { "Not": [ { "Path": "/a/*" } ] }, "App": "app" }, { "Path": "/a/*", "App": "app" }, { "App": "app" }""", "Routes:2", "0 and Routes:1")]
    [InlineData("""{ "Match": { "ClientIn": "10.0.0.0/8" }, "App": "app" }, { "Match": { "ClientIn": "10.1.0.0/16" }, "App": "app" }""", "Routes:1", "0 comes")]
    [InlineData("""{ "Match": { "Headers": { "X-A": "*" } }, "App": "app" }, { "Match": { "Headers": { "x-a": "1*" } }, "App": "app" }""", "Routes:1", "0 comes")]
    [InlineData("""{ "Match": { "PathRegex": "^/a" }, "App": "app" }, { "Path": "/b", "Match": { "PathRegex": "^/a" }, "App": "app" }""", "Routes:1:Path", "0 comes")]
    [InlineData("""{ "Path": "/a/b", "Match": { "Not": [ { "Path": "/a/*" } ] }, "App": "app" }""", "Routes:0:Path", "exclude each other")]
    [InlineData("""{ "Redirect": { "To": "https://a.example{uri}" } }""", "Routes:0:Redirect:To", "is a redirect loop: http://a.example/x -> https://a.example/x -> https")]
    [InlineData("""{ "Path": "/x", "Redirect": { "To": "/x" } }, { "App": "app" }""", "Routes:0:Redirect:To", "http://a.example/x -> http://a.example/x")]
    [InlineData("""{ "Path": "/x*", "Redirect": { "To": "{uri}x" } }, { "App": "app" }""", "Routes:0:Redirect:To", "is a redirect loop")]
    [InlineData("""{ "Headers": { "Remove": "Content-*" }, "App": "app" }""", "Routes:0:Headers:Remove:0", "takes Content-Encoding away")]
    [InlineData("""{ "Headers": { "Remove": ["X-A", "*-type"] }, "App": "app" }""", "Routes:0:Headers:Remove:1", "takes Content-Type away")]
    [InlineData("""{ "RequestHeaders": { "Remove": "T*" }, "App": "app" }""", "Routes:0:RequestHeaders:Remove:0", "leaves TE, Trailer, Transfer-Encoding")]
    public void What_is_probably_not_meant_is_a_warning(string routes, string key, string message)
    {
        var problem = Assert.Single(
            SiteProxy.Check($$"""[ { "Hosts": "a.example", "Acme": false, "Routes": [ {{routes}} ] } ]""").Problems,
            problem => problem.Severity == SettingsSeverity.Warning);

        Assert.Equal($"EdgeProxy:Sites:0:{key}", problem.Key);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "Path": "/[ab]?", "App": "app" }""")]
    [InlineData("""{ "Match": { "Hosts": "A.example" }, "App": "app" }""")]
    [InlineData("""{ "Match": { "Hosts": "*.example" }, "App": "app" }""")]
    [InlineData("""{ "Path": "/x", "Redirect": { "To": "/y" } }, { "App": "app" }""")]
    [InlineData("""{ "Path": "/a/*", "App": "app" }, { "Path": "/a", "App": "app" }, { "Path": "/a*", "App": "app" }""")]
    [InlineData("""{ "Path": "/a/*", "Match": { "Methods": "GET" }, "App": "app" }, { "Path": "/a/b/*", "App": "app" }""")]
    [InlineData("""{ "Match": { "Headers": { "X-A": "1" } }, "App": "app" }, { "Match": { "Headers": { "X-A": "1*" } }, "App": "app" }""")]
    [InlineData("""{ "Path": "/a/*", "PassThru": true, "Files": { "Root": "/" } }, { "Path": "/a/b", "App": "app" }""")]
    [InlineData("""{ "Path": "/x", "Redirect": { "To": "/x/" } }, { "App": "app" }""")]
    [InlineData("""{ "Redirect": { "To": "https://b.example{uri}" } }""")]
    [InlineData("""{ "Redirect": { "To": "https://a.example:8443{uri}" } }""")]
    [InlineData("""{ "Match": { "Scheme": "http" }, "Redirect": { "To": "https://{host}{uri}" } }, { "App": "app" }""")]
    [InlineData("""{ "Match": { "Scheme": "Http" }, "Redirect": { "To": "https://{host}{uri}" } }, { "App": "app" }""")]
    [InlineData("""{ "Path": "/x/*", "StripPrefix": "/x", "Redirect": { "To": "{uri}" } }, { "App": "app" }""")]
    [InlineData("""{ "Path": "/x", "Match": { "Not": [ { "Query": { "r": "1" } } ] }, "Redirect": { "To": "/x?r=1" } }, { "App": "app" }""")]
    [InlineData("""{ "Headers": { "Remove": ["Server", "X-*"] }, "App": "app" }""")]
    public void What_may_be_meant_is_not(string routes) =>
        Assert.Empty(SiteProxy.Check($$"""[ { "Hosts": "a.example", "Acme": false, "Routes": [ {{routes}} ] } ]""").Problems);

    /// <summary>Each site sends to the other one, over the redirect to https that comes before.</summary>
    [Fact]
    public void Redirects_in_a_circle_are_found_over_several_sites()
    {
        var problems = SettingsLoader.Check("sites", System.Text.Encoding.UTF8.GetBytes("""
            { "EdgeProxy": {
                "Slots": { "Blue": { "Address": "http://127.0.0.1:1", "Unit": "b.service" }, "Green": { "Address": "http://127.0.0.1:2", "Unit": "g.service" } },
                "Tls": { "Internal": true },
                "Sites": [ { "Hosts": "www.a.example", "Routes": [ { "Redirect": { "To": "https://a.example{uri}" } } ] },
                           { "Hosts": "*.a.example", "Scheme": "Http", "Routes": [ { "Redirect": { "To": "https://a.example/" } } ] },
                           { "Hosts": "a.example", "Routes": [ { "Path": "/ok", "Respond": { "Status": 204 } }, { "Redirect": { "To": "http://www.{host}{uri}" } } ] } ] } }
            """)).Problems;

        Assert.Equal(
            ["EdgeProxy:Sites:0:Routes:0:Redirect:To", "EdgeProxy:Sites:1:Routes:0:Redirect:To", "EdgeProxy:Sites:2:Routes:1:Redirect:To"],
            problems.Select(problem => problem.Key));
        Assert.EndsWith(
            "is a redirect loop: https://www.a.example/x -> https://a.example/x -> http://www.a.example/x -> https://www.a.example/x", problems[0].Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"Bind\": \"192.0.2.77\"", "Bind:0", "no address of this machine")] // RFC 5737: nobody's
    [InlineData("\"Bind\": [\"127.0.0.1\", \":8443\"]", "Bind:1", "(18091, 18092)")]
    [InlineData("\"Bind\": [\"127.0.0.9:18091\", \"[::1]:18092\", \":18092\"]", null, null)]
    [InlineData("\"Name\": \"a\", UPSTREAM http://127.0.0.1:18091", "Routes:0:Upstreams:0", "is this proxy itself")]
    [InlineData("\"Name\": \"a\", UPSTREAM http://localhost:18092", "Routes:0:Upstreams:0", "is this proxy itself")]
    [InlineData("\"Name\": \"a\", UPSTREAM http://127.0.0.1:18092", null, null)] // the endpoint is at ::1 alone
    [InlineData("\"Name\": \"a\", UPSTREAM http://127.0.0.1:18093", null, null)]
    [InlineData("\"Name\": \"a\", UPSTREAM http://192.0.2.77:18091", null, null)]
    public void Addresses_are_compared_with_the_endpoints(string lines, string? key, string? message)
    {
        var (site, upstream) = lines.Split(", UPSTREAM ") is [var name, var url] ? (name, url) : (lines, "http://127.0.0.1:1");
        var problems = SiteProxy.Check(
            $$"""[ { "Hosts": "a.example", "Acme": false, {{site}}, "Routes": [ { "Upstreams": "{{upstream}}" } ] } ]""",
            """, "Kestrel": { "Endpoints": { "A": { "Url": "http://*:18091" }, "B": { "Url": "http://[::1]:18092" } } }""").Problems;

        Assert.Equal(key is null ? [] : [$"EdgeProxy:Sites:0:{key}"], problems.Select(problem => problem.Key));
        Assert.Contains(message ?? "", problems is [var only, ..] ? only.Message : "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://*:1", "EdgeProxy:Slots:Blue:Address", "the app cannot")]
    [InlineData("http://192.0.2.77:80", "Kestrel:Endpoints:A:Url", "no address of this machine")]
    [InlineData("http://127.0.0.1:0", null, null)]
    public void An_endpoint_that_cannot_be_is_a_warning(string endpoint, string? key, string? message)
    {
        var bind = key is null ? "\"Bind\": \":8080\", " : ""; // port 0 may be any
        var problems = SiteProxy.Check(
            $$"""[ { "Hosts": "a.example", "Acme": false, {{bind}}"Routes": [ { "App": "app" } ] } ]""",
            $$""", "Kestrel": { "Endpoints": { "A": { "Url": "{{endpoint}}" } } }""").Problems;

        Assert.Equal(key is null ? [] : [key], problems.Select(problem => problem.Key));
        Assert.Contains(message ?? "", problems is [var only, ..] ? only.Message : "", StringComparison.Ordinal);
    }
}
