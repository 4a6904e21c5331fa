using EdgeProxy.Configuration;
using EdgeProxy.Settings;

namespace EdgeProxy.Tests.Sites;

/// <summary><c>EdgeProxy:Sites</c>: what is right, and what is wrong by its key.</summary>
public sealed class SiteSettingsTests
{
    private const string Hash = "$2a$14$QLNe6ZUNgOusC19HGHOKVe1qVcmZmNRl005pq78wA/EMxevUlKnz2";

    [Fact]
    public void What_the_documentation_shows_is_right()
    {
        var problems = SiteProxy.Check($$"""
            [ { "Hosts": ["www.example.com"], "Routes": [ { "Redirect": { "To": "https://example.com{uri}", "Status": 301 } } ] },
              { "Hosts": ["example.com"], "Headers": { "Set": { "X-Frame-Options": "DENY" }, "Remove": ["X-Powered-By"] },
                "Routes": [ { "Path": "/api/*", "App": "app" },
                            { "Path": "/tool/*", "StripPrefix": "/tool", "Upstreams": ["http://127.0.0.1:9400"], "RequestHeaders": { "Set": { "X-Tool": "1" } } },
                            { "Path": ["/metrics", "/internal/*"], "Match": { "ClientNotIn": ["10.0.0.0/8"] }, "Respond": { "Status": 403, "Body": "not here" } },
                            { "Path": "/admin/*", "BasicAuth": { "Users": { "guest": "{{Hash}}" } }, "App": "app" },
                            { "Path": "/*", "Files": { "Root": "/" } } ] } ]
            """).Problems;

        Assert.Empty(problems);
    }

    [Fact]
    public void One_text_is_a_list_of_one()
    {
        var site = SiteProxy.Load("""[ { "Hosts": "a.example", "Routes": [ { "Path": "/a", "Match": { "Query": { "b": "c" } }, "App": "app" } ] } ]""").Options!.Sites![0];

        Assert.Equal(["a.example"], site.Hosts!);
        Assert.Equal(["/a"], site.Routes![0].Path!);
        Assert.Equal(["c"], site.Routes[0].Match!.Query!["b"]);
    }

    [Theory]
    [InlineData("""{ "Routes": [ { "App": "app" } ] }""", "Hosts", "is missing: the hosts")]
    [InlineData("""{ "Hosts": "a b", "Routes": [ { "App": "app" } ] }""", "Hosts:0", "must be a host name")]
    [InlineData("""{ "Hosts": "*" }""", "Routes", "is missing")]
    [InlineData("""{ "Hosts": "*", "Scheme": "Ftp", "Routes": [ { "App": "app" } ] }""", "Scheme", "must be Both, Http, Https")]
    [InlineData("""{ "Hosts": "*", "Bind": "here", "Routes": [ { "App": "app" } ] }""", "Bind:0", "must be an address of this machine")]
    [InlineData("""{ "Hosts": "*", "ErrorPages": { "200": "/x" }, "Routes": [ { "App": "app" } ] }""", "ErrorPages:200", "from 400 to 599")]
    [InlineData("""{ "Hosts": "*", "ErrorPages": { "504-502": "/x" }, "Routes": [ { "App": "app" } ] }""", "ErrorPages:504-502", "from 400 to 599")]
    [InlineData("""{ "Hosts": "*", "ErrorResponses": { "99": { "Body": "x" } }, "Routes": [ { "App": "app" } ] }""", "ErrorResponses:99", "from 400 to 599")]
    [InlineData("""{ "Hosts": "*", "ErrorResponses": { "404": { "Status": 700 } }, "Routes": [ { "App": "app" } ] }""", "ErrorResponses:404:Status", "from 200 to 599")]
    [InlineData("""{ "Hosts": "*", "ErrorResponses": { "404": { "Body": "{nothing}" } }, "Routes": [ { "App": "app" } ] }""", "ErrorResponses:404:Body", "no placeholder")]
    [InlineData("""{ "Hosts": "*", "ErrorResponses": { "404": { "Body": "x", "Status": 204 } }, "Routes": [ { "App": "app" } ] }""", "ErrorResponses:404:Body", "status 204")]
    [InlineData("""{ "Hosts": "*", "ErrorResponses": { "404": { "ContentType": "x" } }, "Routes": [ { "App": "app" } ] }""", "ErrorResponses:404:ContentType", "media type")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Match": { "PathRegex": "^/(?=x)" }, "App": "app" } ] }""", "Routes:0:Match:PathRegex:0", "look-around")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Match": { "HeaderRegex": { "X-Real-IP": "^1" } }, "App": "app" } ] }""", "Routes:0:Match:HeaderRegex:X-Real-IP", "is removed")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Match": { "Not": [ { "HeaderRegex": { "X": "(" } } ] }, "App": "app" } ] }""", "Routes:0:Match:Not:0:HeaderRegex:X:0", "not closed")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Redirect": { "To": "/{re.1}" } } ] }""", "Routes:0:Redirect:To", "no Match:PathRegex")]
    [InlineData("""{ "Hosts": "*", "Headers": { "Set": { "X": "{re.0}" } }, "Routes": [ { "App": "app" } ] }""", "Headers:Set:X", "no Match:PathRegex")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Match": { "PathRegex": "^/(a)" }, "Rewrite": "/{re.2}", "App": "app" } ] }""", "Routes:0:Rewrite", "has 1 groups")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Match": { "PathRegex": "^/(a)+" }, "Rewrite": "/{re.1}", "App": "app" } ] }""", "Routes:0:Rewrite", "has 0 groups")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Match": { "FileExists": "x" }, "App": "app" } ] }""", "Routes:0:Match:FileExists:0", "absolute path")]
    [InlineData("""{ "Hosts": "*", "ErrorResponses": { "404": { "File": "/x", "Body": "y" } }, "Routes": [ { "App": "app" } ] }""", "ErrorResponses:404:File", "not alone")]
    [InlineData("""{ "Hosts": "*", "ErrorResponses": { "404": { "Headers": { "Set": { "X": "{status} {no}" } } } }, "Routes": [ { "App": "app" } ] }""", "ErrorResponses:404:Headers:Set:X", "is no placeholder")]
    [InlineData("""{ "Hosts": "*", "ErrorPages": { "404": "x" }, "Routes": [ { "App": "app" } ] }""", "ErrorPages:404", "absolute path")]
    [InlineData("""{ "Hosts": "*", "Headers": { "Set": { "X Y": "1" } }, "Routes": [ { "App": "app" } ] }""", "Headers:Set:X Y", "must be the name")]
    [InlineData("""{ "Hosts": "*", "Headers": { "Set": { "Content-Length": "1" } }, "Routes": [ { "App": "app" } ] }""", "Headers:Set:Content-Length", "only the server")]
    [InlineData("""{ "Hosts": "*", "Headers": { "Set": { "X": "a\r\nb" } }, "Routes": [ { "App": "app" } ] }""", "Headers:Set:X", "no line end")]
    [InlineData("""{ "Hosts": "*", "Headers": { "Add": { "X": "{pth}" } }, "Routes": [ { "App": "app" } ] }""", "Headers:Add:X:0", "is no placeholder; they are {host}")]
    [InlineData("""{ "Hosts": "*", "Headers": { "Remove": "*" }, "Routes": [ { "App": "app" } ] }""", "Headers:Remove:0", "must be the name")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Path": "/a" } ] }""", "Routes:0:App", "is missing: a route does one of App, Cluster")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "App": "app", "Respond": { "Status": 204 } } ] }""", "Routes:0:App", "this one has App and Respond")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "App": "shop" } ] }""", "Routes:0:App", "must be one of the apps: app")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Cluster": "shop" } ] }""", "Routes:0:Cluster", "and there is none")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Upstreams": "127.0.0.1:8000" } ] }""", "Routes:0:Upstreams:0", "must be http://HOST:PORT")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Upstreams": "http://h:1/base" } ] }""", "Routes:0:Upstreams:0", "without a path")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Path": "api", "App": "app" } ] }""", "Routes:0:Path:0", "must be a path that starts with")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Path": "/a%2Fb", "App": "app" } ] }""", "Routes:0:Path:0", "write the character itself")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Match": { "Methods": "post" }, "App": "app" } ] }""", "Routes:0:Match:Methods:0", "write POST")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Match": { "ClientIn": "10.0.0.0/33" }, "App": "app" } ] }""", "Routes:0:Match:ClientIn:0", "address or a network")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Match": { "Headers": { "X-Forwarded-Proto": "http" } }, "App": "app" } ] }""", "Routes:0:Match:Headers:X-Forwarded-Proto", "is removed")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Match": { "Scheme": "ftp" }, "App": "app" } ] }""", "Routes:0:Match:Scheme", "http or https")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Match": { "Not": [ { "Path": "x" } ] }, "App": "app" } ] }""", "Routes:0:Match:Not:0:Path:0", "must be a path")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "StripPrefix": "tool", "App": "app" } ] }""", "Routes:0:StripPrefix", "must be a path")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Rewrite": "tool", "App": "app" } ] }""", "Routes:0:Rewrite", "must be a path that starts")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Rewrite": "/a/../b", "App": "app" } ] }""", "Routes:0:Rewrite", "no . or .. segment")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "BasicAuth": { "Users": { "a:b": "x" } }, "App": "app" } ] }""", "Routes:0:BasicAuth:Users:a", "a : in a name")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Redirect": { "Status": 301 } } ] }""", "Routes:0:Redirect:To", "is missing")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Redirect": { "To": "/x", "Status": 200 } } ] }""", "Routes:0:Redirect:Status", "must be one of 301")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Respond": { "Status": 204, "Body": "x" } } ] }""", "Routes:0:Respond:Body", "cannot be sent")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Respond": { "Status": 302, "AsError": true } } ] }""", "Routes:0:Respond:Status", "from 400 to 599")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Respond": { "Status": 403, "AsError": true, "Body": "x" } } ] }""", "Routes:0:Respond:Body", "ErrorResponses")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Respond": { "Status": 100 } } ] }""", "Routes:0:Respond:Status", "from 200 to 599")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Respond": { "ContentType": "x", "Body": "x" } } ] }""", "Routes:0:Respond:ContentType", "must be a media type")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "RequestHeaders": { "Set": { "X": "1" } }, "Respond": { "Status": 204 } } ] }""", "Routes:0:RequestHeaders", "is for what is forwarded")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "BasicAuth": { "Users": { "bob": "secret" } }, "App": "app" } ] }""", "Routes:0:BasicAuth:Users:bob", "must be a bcrypt hash")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "BasicAuth": { "Realm": "x" }, "App": "app" } ] }""", "Routes:0:BasicAuth:Users", "is missing")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Files": { "Root": "static" } } ] }""", "Routes:0:Files:Root", "must be an absolute path")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "UpstreamHealth": { "Interval": "00:00:00.5" }, "Upstreams": "http://h:1" } ] }""", "Routes:0:UpstreamHealth:Interval", "must be a duration")]
    [InlineData("""{ "Hosts": "*", "Routes": [ { "Pth": "/x", "App": "app" } ] }""", "Routes:0:Pth", "did you mean EdgeProxy:Sites:0:Routes:0:Path?")]
    public void What_is_wrong_is_named_by_its_key(string site, string key, string message)
    {
        var problem = SiteProxy.Check($"[ {site} ]").Problems.FirstOrDefault(problem => problem.Key == $"EdgeProxy:Sites:0:{key}");

        Assert.NotNull(problem);
        Assert.Equal(SettingsSeverity.Error, problem.Severity);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    /// <summary>The value is that of the file, however a list of one is written, and what is there is not missing.</summary>
    [Theory]
    [InlineData("""{ "Hosts": "https://a.example", "Routes": [ { "App": "app" } ] }""", "EdgeProxy:Sites:0:Hosts:0 = \"https://a.example\" must be a host name")]
    [InlineData("""{ "Hosts": ["https://a.example"], "Routes": [ { "App": "app" } ] }""", "EdgeProxy:Sites:0:Hosts:0 = \"https://a.example\" must be a host name")]
    [InlineData("""{ "Hosts": [], "Routes": [ { "App": "app" } ] }""", "EdgeProxy:Sites:0:Hosts is missing")]
    [InlineData("""{ "Hosts": "*", "Routes": "app" }""", "EdgeProxy:Sites:0:Routes = \"app\" must be a list")]
    public void A_problem_says_what_stands_there(string site, string problem) =>
        Assert.StartsWith($"error: {problem}", Assert.Single(SiteProxy.Check($"[ {site} ]").Problems).ToString(), StringComparison.Ordinal);

    [Theory]
    [InlineData(""", "ReverseProxy": { "Routes": { "r": { "ClusterId": "app", "Match": { "Path": "/x" } } } }""", "ReverseProxy:Routes", "make routes of a site")]
    [InlineData(
        """, "ReverseProxy": { "Clusters": { "site-0-0": { "Destinations": { "d": { "Address": "http://h:1" } } } } }""",
        "ReverseProxy:Clusters:site-0-0",
        "does not begin with site-")]
    public void What_else_says_what_serves_a_request_is_an_error_beside_sites(string beside, string key, string message)
    {
        var problem = Assert.Single(SiteProxy.Check("""[ { "Hosts": "*", "Routes": [ { "App": "app" } ] } ]""", beside).Problems);

        Assert.Equal(key, problem.Key);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "Hosts": "a.example", "Routes": [ { "App": "app" } ] }""", true)]
    [InlineData("""{ "Hosts": "A.example", "Scheme": "Https", "Routes": [ { "App": "app" } ] }""", true)]
    [InlineData("""{ "Hosts": "a.example", "Scheme": "Http", "Routes": [ { "App": "app" } ] }""", false)]
    [InlineData("""{ "Hosts": "a.example", "Scheme": "Https", "Bind": ":8443", "Routes": [ { "App": "app" } ] }""", false)]
    public void A_host_is_of_one_site_for_each_scheme_and_address(string second, bool isRefused)
    {
        var problems = SiteProxy.Check($$"""[ { "Hosts": "a.example", "Scheme": "Https", "Bind": ":443", "Routes": [ { "App": "app" } ] }, {{second}} ]""").Problems;

        Assert.Equal(isRefused, problems.Any(problem => problem.Key == "EdgeProxy:Sites:1:Hosts:0" && problem.Severity == SettingsSeverity.Error));
    }

    [Theory]
    [InlineData("""{ "App": "app" }, { "Path": "/a", "App": "app" }""", 1)]
    [InlineData("""{ "Path": "/a/*", "App": "app" }, { "Path": ["/a/b", "/A/c/*"], "App": "app" }""", 1)]
    [InlineData("""{ "Path": "/a/*", "App": "app" }, { "Path": ["/a/b", "/b"], "App": "app" }""", null)]
    [InlineData("""{ "Path": "/a/*", "Match": { "Methods": "GET" }, "App": "app" }, { "Path": "/a/b", "App": "app" }""", null)]
    [InlineData("""{ "Path": "/a", "App": "app" }, { "Path": "/a/*", "App": "app" }""", null)]
    public void A_route_that_nothing_reaches_is_warned_of(string routes, int? unreached)
    {
        var warnings = SiteProxy.Check($$"""[ { "Hosts": "*", "Routes": [ {{routes}} ] } ]""").Problems;

        Assert.Equal(unreached is null ? [] : [$"EdgeProxy:Sites:0:Routes:{unreached}:Path"], warnings.Select(problem => problem.Key));
    }

    [Fact]
    public void Names_of_sites_get_certificates_once_the_terms_are_accepted()
    {
        const string Sites = """
            [ { "Hosts": ["a.example", "*.b.example", "*"], "Routes": [ { "App": "app" } ] },
              { "Hosts": "c.example", "Scheme": "Http", "Routes": [ { "App": "app" } ] },
              { "Hosts": "d.example", "Acme": false, "Routes": [ { "App": "app" } ] } ]
            """;

        var loaded = SiteProxy.Load($$"""{{Sites}}, "Tls": { "Acme": { "AcceptTermsOfService": true, "Domains": ["e.example"] } }""");
        Assert.Equal(["e.example", "a.example"], loaded.Options!.Tls.Acme.Domains!);
        Assert.Null(SiteProxy.Load(Sites).Options!.Tls.Acme.Domains);
    }

    [Theory]
    [InlineData("""{ "Hosts": ["a.example", "*"], "Routes": [ { "App": "app" } ] }""", "", null)]
    [InlineData("""{ "Hosts": "a.example", "Scheme": "Https", "Routes": [ { "App": "app" } ] }""", "", 0)]
    [InlineData("""{ "Hosts": ["a.example", "*.b.example"], "Routes": [ { "App": "app" } ] }""", """{ "Acme": { "AcceptTermsOfService": true } }""", 1)]
    [InlineData("""{ "Hosts": ["*.b.example", "a.example"], "Routes": [ { "App": "app" } ] }""", """{ "Internal": true }""", null)]
    public void A_host_that_no_certificate_comes_for_is_warned_of(string site, string tls, int? host)
    {
        var problems = SiteProxy.Check(tls.Length == 0 ? $"[ {site} ]" : $"[ {site} ], \"Tls\": {tls}").Problems;

        Assert.Equal(host is null ? [] : [$"EdgeProxy:Sites:0:Hosts:{host}"], problems.Select(problem => problem.Key));
    }

    [Fact]
    public void Sites_take_the_place_of_the_hosts_of_apps()
    {
        const string Slots = """ "Slots": { "Blue": { "Address": "http://127.0.0.1:{0}", "Unit": "a{0}.service" }, "Green": { "Address": "http://127.0.0.1:{0}1", "Unit": "b{0}.service" } }""";
        var apps = $$"""{ "shop": { {{Slots.Replace("{0}", "81", StringComparison.Ordinal)}} }, "blog": { HOSTS {{Slots.Replace("{0}", "82", StringComparison.Ordinal)}} } }""";
        const string Sites = """[ { "Hosts": ["shop.example"], "Routes": [ { "Path": "/blog/*", "App": "blog" }, { "App": "shop" } ] } ]""";

        var right = Check(apps.Replace("HOSTS", "", StringComparison.Ordinal));
        Assert.Empty(right.Problems);
        Assert.All(right.Options!.AllApps(), app => Assert.Equal(["shop.example"], right.Options.HostsOf(app.Identity, app.Options)));

        var both = Assert.Single(Check(apps.Replace("HOSTS", "\"Hosts\": [\"b.example\"],", StringComparison.Ordinal)).Problems);
        Assert.Equal("EdgeProxy:Apps:blog:Hosts", both.Key);
        Assert.Contains("keep the Sites", both.Message, StringComparison.Ordinal);

        static EdgeProxySettings Check(string apps) => SettingsLoader.Check(
            "sites", System.Text.Encoding.UTF8.GetBytes($$"""{ "EdgeProxy": { "Apps": {{apps}}, "Sites": {{Sites}} } }"""));
    }
}
