using System.Net;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Sites;

/// <summary>What a site says of caching is not said of errors of EdgeProxy itself: whoever keeps an outage has it when it is over.</summary>
public sealed class ErrorCachingTests
{
    private const string Year = "public, max-age=31536000";

    private static readonly string[] _fields = ["Expires", "Surrogate-Control", "CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "X-Accel-Expires"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("GET /app/x", 503)]
    [InlineData("HEAD /app/x", 503)]
    [InlineData("GET /other/x", 502)]
    [InlineData("GET /files/none.css", 404)]
    [InlineData("GET /files/.env", 404)]
    [InlineData("POST /files/a.css", 405)]
    [InlineData("GET /locked/x", 401)]
    [InlineData("GET /error/x", 418)]
    [InlineData("GET /page/x", 410)]
    [InlineData("GET /none", 404)]
    public async Task Nobody_is_to_keep_an_error(string ask, int status)
    {
        using var files = new TemporaryDirectory();
        await File.WriteAllTextAsync(files["page.html"], "gone", Cancellation);
        foreach (var verb in new[] { "Set", "Add", "Default" })
        {
            await using var proxy = await StartAsync(verb, files.Path, app: null);

            using var response = await SendAsync(proxy, ask);

            Assert.Equal(status, (int)response.StatusCode);
            Assert.Equal("no-store", response.Headers.CacheControl?.ToString());
            Assert.DoesNotContain(response.Headers.Concat(response.Content.Headers), field => _fields.Contains(field.Key));
            Assert.Equal("kept", Assert.Single(response.Headers.GetValues("X-Other")));
        }
    }

    /// <summary>As in Caddy: these are responses of the site, of a file and of the app, whatever their status.</summary>
    [Theory]
    [InlineData("GET /files/a.css", 200)]
    [InlineData("GET /respond/x", 404)]
    [InlineData("GET /app/x", 500)]
    public async Task All_other_responses_have_what_the_site_says(string ask, int status)
    {
        using var files = new TemporaryDirectory();
        await File.WriteAllTextAsync(files["a.css"], "a", Cancellation);
        await using var app = await Backend.StartAsync(context =>
        {
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
            return Task.CompletedTask;
        });
        await using var proxy = await StartAsync("Set", files.Path, app.Address);

        using var response = await SendAsync(proxy, ask);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(Year, response.Headers.CacheControl!.ToString());
        Assert.All(_fields, field => Assert.Contains(response.Headers.Concat(response.Content.Headers), sent => sent.Key == field));
    }

    /// <summary>What is added beside the fields of an app is not added to those of an error.</summary>
    [Fact]
    public async Task A_field_that_may_be_there_once_is_there_once()
    {
        await using var proxy = await SiteProxy.StartAsync("""
            [ { "Hosts": "*", "Headers": { "Add": { "Retry-After": "60", "X-Content-Type-Options": "nosniff" } },
                "Routes": [ { "Headers": { "Add": { "X-Request-ID": "own" } }, "App": "app" } ] } ]
            """);

        using var response = await proxy.Client.GetAsync("/", Cancellation);

        Assert.Equal(503, (int)response.StatusCode);
        Assert.Equal("60", Assert.Single(response.Headers.GetValues("Retry-After")));
        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("own", Assert.Single(response.Headers.GetValues("X-Request-ID")));
    }

    private static Task<DataPlane> StartAsync(string verb, string files, string? app)
    {
        const string Expires = "Thu, 31 Dec 2037 23:55:55 GMT";
        return SiteProxy.StartAsync(
            $$"""
            [ { "Hosts": "*",
                "Headers": { "{{verb}}": { "Cache-Control": "{{Year}}", "Expires": "{{Expires}}", "Surrogate-Control": "max-age=9", "X-Other": "kept" } },
                "ErrorPages": { "410": "{{files}}/page.html" },
                "Routes": [ { "Path": "/app/*", "Headers": { "Set": { "CDN-Cache-Control": "max-age=9" } }, "App": "app" },
                            { "Path": "/other/*", "Headers": { "Set": { "cloudflare-cdn-cache-control": "max-age=9" } }, "Upstreams": "http://127.0.0.1:1" },
                            { "Path": "/files/*", "StripPrefix": "/files", "Files": { "Root": "{{files}}" } },
                            { "Path": "/locked/*", "BasicAuth": { "Users": { "bob": "$2a$04$aaaaaaaaaaaaaaaaaaaaaeaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" } }, "App": "app" },
                            { "Path": "/error/*", "Respond": { "Status": 418, "AsError": true } },
                            { "Path": "/page/*", "Respond": { "Status": 410, "AsError": true } },
                            { "Path": "/respond/*", "Respond": { "Status": 404, "Body": "none" } } ] } ]
            """.Replace(
                "\"X-Other\"",
                "\"CDN-Cache-Control\": \"max-age=9\", \"Cloudflare-CDN-Cache-Control\": \"max-age=9\", \"X-Accel-Expires\": \"9\", \"X-Other\"",
                StringComparison.Ordinal),
            app);
    }

    private static async Task<HttpResponseMessage> SendAsync(DataPlane proxy, string ask)
    {
        using var request = new HttpRequestMessage(new HttpMethod(ask.Split(' ')[0]), ask.Split(' ')[1]);
        request.Version = HttpVersion.Version11;
        return await proxy.Client.SendAsync(request, Cancellation);
    }
}
