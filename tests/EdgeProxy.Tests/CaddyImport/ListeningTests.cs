using System.Text.Json.Nodes;

namespace EdgeProxy.Tests.CaddyImport;

/// <summary>What several sites, ports and redirects mean together: over http nothing is served that Caddy would not serve there.</summary>
public sealed class ListeningTests
{
    private const string Proxy = "{\nreverse_proxy 127.0.0.1:8000\n}\n";
    private const string ToHttps = "{\nredir https://{host}{uri} permanent\n}\n";

    [Theory]
    [InlineData("{\nauto_https disable_redirects\n}\nhttps://app.example.com " + Proxy + "http://app.example.com " + ToHttps, "app.example.com")]
    [InlineData("app.example.com " + Proxy + "http:// " + ToHttps, "app.example.com")] // for any name: what has no certificate is refused
    [InlineData("app.example.com " + Proxy + "http://app.example.com {\nredir https://app.example.com{uri}\n}\n", "app.example.com")]
    [InlineData("{\nauto_https disable_redirects\n}\nhttps://app.example.com " + Proxy, "app.example.com")] // nothing on port 80
    [InlineData("app.example.com {\ntls internal\nreverse_proxy 127.0.0.1:8000\n}\n:80 " + Proxy, "app.example.com;*")]
    [InlineData("*.example.com {\ntls internal\nreverse_proxy 127.0.0.1:8000\n}\n", "*.example.com")]
    [InlineData(
        "a.example.com {\nbind 10.0.0.5\nreverse_proxy 127.0.0.1:8000\n}\nb.example.com {\nbind 10.0.0.5\nreverse_proxy 127.0.0.1:8000\n}\n",
        "a.example.com;b.example.com")]
    public void Names_with_a_certificate_are_redirected(string content, string hosts)
    {
        var settings = Caddyfile.Settings(content);

        Assert.Equal(hosts, settings["AllowedHosts"]!.GetValue<string>());
        Assert.Null(settings["EdgeProxy"]!["Tls"]!["RedirectHttp"]);
    }

    [Theory]
    [InlineData("http://app.example.com, https://app.example.com " + Proxy, "app.example.com")]
    [InlineData("{\nauto_https disable_redirects\n}\napp.example.com, http://app.example.com " + Proxy, "app.example.com")]
    public void Names_that_are_served_over_both_are_not(string content, string hosts)
    {
        var settings = Caddyfile.Settings(content);

        Assert.Equal(hosts, settings["AllowedHosts"]!.GetValue<string>());
        Assert.False(settings["EdgeProxy"]!["Tls"]!["RedirectHttp"]!.GetValue<bool>());
    }

    /// <summary>Caddy's own redirects name no port where the port is <c>https_port</c>.</summary>
    [Theory]
    [InlineData("{\nhttps_port 8443\n}\na.example.com " + Proxy, 443)]
    [InlineData("{\nhttps_port 8443\n}\na.example.com {\nheader X-A b\nreverse_proxy 127.0.0.1:8000\n}\n", 443)]
    [InlineData("{\nhttps_port 8443\n}\na.example.com " + Proxy + "http://a.example.com " + ToHttps, 443)]
    [InlineData("{\nhttps_port 8443\n}\nhttps://a.example.com:9443 " + Proxy, null)] // it names 9443, and so does EdgeProxy
    [InlineData("a.example.com:8443 " + Proxy, null)]
    [InlineData("a.example.com " + Proxy, null)]
    [InlineData("{\nhttps_port 8443\nauto_https disable_redirects\n}\na.example.com " + Proxy, null)]
    public void Redirects_lead_to_the_port_that_clients_know(string content, int? port) =>
        Assert.Equal(port, Caddyfile.Settings(content)["EdgeProxy"]!["Tls"]!["RedirectPort"]?.GetValue<int>());

    /// <summary>The local authority signs for all names that are allowed, and a name with a certificate is redirected.</summary>
    [Theory]
    [InlineData("{\nlocal_certs\n}\na.example.com, http://a.local " + Proxy, "a.local")]
    [InlineData("{\nlocal_certs\n}\na.example.com, http://intranet " + Proxy, "intranet")]
    [InlineData("http://10.0.0.5, a.internal " + Proxy, "10.0.0.5")]
    public void A_name_of_http_alone_is_a_site_that_is_not_redirected(string content, string host)
    {
        var sites = Caddyfile.Settings(content)["EdgeProxy"]!["Sites"]!.AsArray();

        Assert.Equal("Http", Assert.Single(sites, site => site!["Hosts"]!.ToString() == host)!["Scheme"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("a.example.com " + Proxy + "b.example.com:8443 " + Proxy, 4, "redirects all names to one port")]
    [InlineData("a.example.com " + Proxy + "a.example.com " + Proxy, 4, "a second time")]
    [InlineData("app.example.com {\nbind 10.0.0.5\nreverse_proxy 127.0.0.1:8000\n}\nb.example.com " + Proxy, 5, "(line 1) has 10.0.0.5 for itself")]
    public void What_would_be_served_otherwise_is_refused(string content, int line, string why)
    {
        using var file = new Caddyfile(content);
        var result = file.Import();

        Assert.Null(result.Settings);
        Assert.Contains(result.Problems, problem => problem.Line == line && problem.Message.Contains(why, StringComparison.Ordinal));
    }

    [Fact]
    public void That_nothing_listens_on_port_80_is_noted()
    {
        using var file = new Caddyfile("{\nauto_https disable_redirects\n}\nhttps://app.example.com " + Proxy);
        var result = file.Import();

        Assert.Equal("https://*:443", Assert.Single(result.Settings!["Kestrel"]!["Endpoints"]!.AsObject()).Value!["Url"]!.GetValue<string>());
        Assert.Contains(result.Notes, note => note.Message.Contains("disable --now edgeproxy-http.socket", StringComparison.Ordinal));
    }

    [Fact]
    public void Values_that_caddy_reads_while_it_runs_are_those_of_now()
    {
        const string Content = "app.example.com {\ntls {env.CERT} {env.KEY}\nreverse_proxy 127.0.0.1:8000 {\nhealth_uri /ok?token={env.X}\n}\n}\n";
        using var file = new Caddyfile(Content);

        var without = file.Import();
        var with = file.Import(environment: [("CERT", "/etc/c.pem"), ("KEY", "/etc/k with space.pem"), ("X", "y")]);

        Assert.Null(without.Settings);
        Assert.Equal(3, without.Problems.Count(problem => problem.Message.Contains("is not set here", StringComparison.Ordinal)));
        var settings = with.Settings!["EdgeProxy"]!;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse("""[{"Certificate":"/etc/c.pem","Key":"/etc/k with space.pem"}]"""), settings["Tls"]!["Certificates"]));
        Assert.Equal(Caddyfile.HealthPath, settings["Health"]!["Path"]!.GetValue<string>()); // --health-path is the last word
        Assert.Equal(3, with.Notes.Count(note => note.Message.Contains("the value that", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("log {\noutput file /var/log/{system.hostname}.log\n}", "{system.hostname}")]
    [InlineData("tls {file./run/name} /k.pem", "{file./run/name}")]
    public void Other_placeholders_in_what_becomes_a_setting_are_refused(string line, string placeholder)
    {
        using var file = new Caddyfile($"app.example.com {{\n{line}\nreverse_proxy 127.0.0.1:8000\n}}\n");
        var result = file.Import();

        Assert.Null(result.Settings);
        Assert.Contains(result.Problems, problem => problem.Message.StartsWith(placeholder, StringComparison.Ordinal));
    }

    [Fact]
    public void A_health_path_is_asked_for_not_guessed()
    {
        using var file = new Caddyfile("app.example.com " + Proxy);

        var problem = Assert.Single(file.Import(new()).Problems);

        Assert.Equal(0, problem.Line);
        Assert.Contains("--health-path", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_health_path_of_the_file_is_enough()
    {
        using var file = new Caddyfile("app.example.com {\nreverse_proxy 127.0.0.1:8000 {\nhealth_uri /well\n}\n}\n");

        Assert.Equal("/well", file.Import(new()).Settings!["EdgeProxy"]!["Health"]!["Path"]!.GetValue<string>());
    }

    [Fact]
    public void An_unset_variable_is_the_only_problem_of_an_address()
    {
        using var file = new Caddyfile("{$DOMAIN} " + Proxy);

        Assert.Contains("{$DOMAIN} is not set here", Assert.Single(file.Import().Problems).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("handle_path /* {\nreverse_proxy 127.0.0.1:8000\n}")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\nheader_up X-CSRFToken {header.X-CSRFToken}\n}")]
    [InlineData("reverse_proxy 127.0.0.1:8000 {\ntransport http {\nread_timeout 0\n}\n}")]
    public void What_changes_nothing_is_taken(string lines) => Assert.NotNull(Caddyfile.Settings($"http://a.example.com {{\n{lines}\n}}\n"));

    [Fact]
    public void A_note_on_a_header_that_the_app_does_not_get_comes_once()
    {
        using var file = new Caddyfile(
            "http://a.example.com {\nhandle /a/* {\nreverse_proxy 127.0.0.1:8000 {\nheader_up X-Real-IP {remote_host}\n}\n}\nreverse_proxy 127.0.0.1:8000 " +
                "{\nheader_up X-Real-IP {remote_host}\n}\n}\n");

        Assert.Single(file.Import().Notes, note => note.Message.StartsWith("X-Real-IP", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("request_body {\nmax_size 99999999999TB\n}", "request_body")]
    [InlineData("proxy / localhost:8000", "Caddy 1")]
    public void What_caddy_refuses_is_refused(string line, string why)
    {
        using var file = new Caddyfile($"http://a.example.com {{\n{line}\nreverse_proxy 127.0.0.1:8000\n}}\n");

        Assert.Contains(file.Import().Problems, problem => problem.Message.Contains(why, StringComparison.Ordinal));
    }
}
