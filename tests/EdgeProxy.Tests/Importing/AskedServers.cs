using EdgeProxy.Importing;
using EdgeProxy.Tests.CaddyImport;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EdgeProxy.Tests.Importing;

/// <summary>Two servers that get the same requests, of which one has settings that an importer has made of the other's configuration.</summary>
internal static class AskedServers
{
    private static readonly UriCreationOptions _asWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private static readonly string[] _compared =
    [
        "Location", "Content-Type", "WWW-Authenticate", "Cache-Control", "Referrer-Policy", "Permissions-Policy", "Content-Security-Policy", "Expires",
        "Content-Disposition", "Strict-Transport-Security", "Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Surrogate-Control", "Link",
        "Content-Language", "Retry-After", "Server-Timing",
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>EdgeProxy with what an importer has made; nothing waits for an app that is down.</summary>
    public static Task<DataPlane> StartImportedAsync(string app, ImportResult result)
    {
        var loaded = Caddyfile.Load(result);
        var settings = loaded.Options!;
        return DataPlane.StartAsync(
            app,
            "http://127.0.0.1:1",
            options =>
            {
                (options.Sites, options.StaticFiles, options.Compression, options.Upstream) =
                    (settings.Sites, settings.StaticFiles, settings.Compression, settings.Upstream);
                options.Upstream.HoldTimeout = TimeSpan.Zero;
            },
            ("AllowedHosts", loaded.Configuration["AllowedHosts"]!));
    }

    public static void WriteFiles(Caddyfile file)
    {
        foreach (var name in new[]
        {
            "index.html", "static/a.css", "docs/index.html", "docs/b.txt", "app.0123456789ab.css", "a b.txt", "favicon.ico", "list/sub/x.txt", "x.css",
        })
        {
            file.Write($"files/{name}", $"this is {name}");
        }

        foreach (var name in new[] { "down", "404", "401", "502", "503" })
        {
            file.Write($"errors/{name}.html", $"page {(name == "502" ? "down" : name)}");
        }
    }

    public static async Task RespondAsync(HttpContext context, string name)
    {
        var request = context.Request;
        if (request.Path.StartsWithSegments("/status", out var status))
        {
            context.Response.StatusCode = int.Parse(status.Value!.TrimStart('/'), System.Globalization.CultureInfo.InvariantCulture);
        }

        context.Response.ContentType = "text/plain; charset=utf-8"; // Go guesses one where there is none
        foreach (var field in new[] { "X-Up-1", "X-Up-Two", "X-Has", "X-Add", "X-Frame-Options", "Cache-Control" })
        {
            context.Response.Headers[field] = $"of the {name}";
        }

        await context.Request.Body.CopyToAsync(Stream.Null, Cancellation);
        var fields = request.Headers
            .Where(field => field.Key.StartsWith("X-", StringComparison.Ordinal) && field.Key is not ("X-Request-ID" or "X-Forwarded-Host"
                or "X-Forwarded-For"))
            .OrderBy(field => field.Key, StringComparer.OrdinalIgnoreCase).Select(field => $"{field.Key.ToLowerInvariant()}={field.Value}");
        await context.Response.WriteAsync(
            $"{name}: {request.Method} {context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget} {request.Host.Host} {string.Join(' ', fields)}");
    }

    /// <summary>Of what the other server has said, and of all own fields.</summary>
    public static IEnumerable<string> Differences(Dictionary<string, string> theirs, Dictionary<string, string> ours) => theirs.Keys
        .Union(ours.Keys.Where(key => (key.StartsWith("X-", StringComparison.Ordinal) && key != "X-Content-Type-Options")
            || (key == "Cache-Control" && ours["status"] == "200" && ours["body"] != "a listing")))
        .Where(key => key != "Content-Type" || theirs["status"] == "200")
        .Select(aspect => (Aspect: aspect, Theirs: theirs.GetValueOrDefault(aspect, ""), Ours: ours.GetValueOrDefault(aspect, "")))
        .Where(pair => pair.Theirs != pair.Ours)
        .Select(pair => $"{pair.Aspect}: {pair.Theirs} | {pair.Ours}");

    public static async Task<Dictionary<string, string>> SendAsync(HttpClient client, Uri server, Ask ask)
    {
        using var request = new HttpRequestMessage(new HttpMethod(ask.Method), new Uri(server.GetLeftPart(UriPartial.Authority) + ask.Target, _asWritten));
        request.Headers.Host = ask.Host;
        if (ask.Method is "POST" or "PUT")
        {
            request.Content = new StringContent("a body of some length");
        }

        if (ask.Field is var (name, value))
        {
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        }

        using var response = await client.SendAsync(request, Cancellation);
        var seen = response.Headers.Concat(response.Content.Headers)
            .Where(field => field.Key != "X-Request-ID" && (field.Key.StartsWith("X-", StringComparison.Ordinal) || _compared.Contains(field.Key)))
            .ToDictionary(field => field.Key, field => string.Join(", ", field.Value.SelectMany(text => text.Split(", ")).Order(StringComparer.Ordinal)));
        var body = await response.Content.ReadAsStringAsync(Cancellation);
        var isGateway = (int)response.StatusCode is 502 or 503;
        seen["status"] = isGateway ? "the app is down" : $"{(int)response.StatusCode}";
        seen["body"] = (int)response.StatusCode is >= 300 and < 400 ? "" // Caddy names the place in it
            : body.StartsWith("page ", StringComparison.Ordinal) ? body
            : body.StartsWith("<html>\r\n<head><title>", StringComparison.Ordinal) ? "" // nginx's own
            : isGateway && body.Contains("\"status\"", StringComparison.Ordinal) ? ""
            : body.StartsWith("<!", StringComparison.OrdinalIgnoreCase) ? "a listing" : body;
        if (response.Content.Headers.ContentType?.MediaType == "application/problem+json")
        {
            seen["body"] = ""; // Caddy's errors have none
        }

        return seen;
    }
}
