using System.Text.Json.Nodes;
using EdgeProxy.Diagnostics;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Diagnostics.AccessLogging;

/// <summary>Formats of others, proven by the others.</summary>
public sealed class AccessLogToolsTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string LogFile => _directory["access.log"];

    public void Dispose() => _directory.Dispose();

    /// <summary>Every member that the real Caddy writes for a request, at any depth, is there with the same kind of value. Only headers are fewer.</summary>
    [Fact]
    public async Task A_line_in_Caddys_format_has_what_Caddys_own_line_has()
    {
        Tool.Demand("caddy");
        await using var app = await Backend.NamedAsync("hello");
        var caddyPort = Backend.FreePort();
        var caddyLog = _directory["caddy.log"];
        await File.WriteAllTextAsync(
            _directory["Caddyfile"],
            $$"""
            { 
              admin off
            }
            http://127.0.0.1:{{caddyPort}} {
              log {
                output file {{caddyLog}}
              }
              reverse_proxy {{app.Address["http://".Length..].TrimEnd('/')}}
            }
            """,
            Cancellation);
        using (Tool.Start("caddy", ["run", "--config", _directory["Caddyfile"], "--adapter", "caddyfile"], ("HOME", _directory.Path)))
        {
            using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://127.0.0.1:{caddyPort}") };
            await Eventually.TrueAsync(() => RespondsAsync(client), "Caddy responds");
            await Eventually.TrueAsync(
                () => File.Exists(caddyLog) && File.ReadAllText(caddyLog).Contains("handled request", StringComparison.Ordinal), "Caddy has written");
        }

        await using (var proxy = await StartAsync(app.Address, AccessLogFormat.Caddy))
        {
            Assert.True(await RespondsAsync(proxy.Client));
        }

        var theirs = JsonNode.Parse(
            (await File.ReadAllLinesAsync(caddyLog, Cancellation)).First(line => line.Contains("handled request", StringComparison.Ordinal)))!;
        var ours = JsonNode.Parse(Assert.Single(await File.ReadAllLinesAsync(LogFile, Cancellation)))!;
        Assert.Empty(Missing(theirs.AsObject(), ours.AsObject(), ""));
        foreach (var same in (string[])["level", "msg", "status", "size"])
        {
            Assert.Equal(theirs[same]!.ToJsonString(), ours[same]!.ToJsonString());
        }

        Assert.StartsWith((string)ours["logger"]!, (string)theirs["logger"]!, StringComparison.Ordinal); // theirs ends with the name of the site's log
        foreach (var same in (string[])["remote_ip", "proto", "method", "uri"])
        {
            Assert.Equal(theirs["request"]![same]!.ToJsonString(), ours["request"]![same]!.ToJsonString());
        }

        Assert.Equal("agent/1.0", (string?)ours["request"]!["headers"]!["User-Agent"]![0]);
    }

    [Theory]
    [InlineData(AccessLogFormat.Caddy, "CADDY")]
    [InlineData(AccessLogFormat.Common, "COMMON")]
    public async Task GoAccess_understands_every_line(AccessLogFormat format, string name)
    {
        Tool.Demand("goaccess");
        await using var app = await Backend.StartAsync(context =>
        {
            context.Response.StatusCode = context.Request.Path == "/missing" ? 404 : 200;
            return context.Response.WriteAsync("hello");
        });
        await using (var proxy = await StartAsync(app.Address, format))
        {
            foreach (var path in (string[])["/", "/", "/missing", "/a%22b?q=%0a", "/日本"])
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, path);
                request.Headers.TryAddWithoutValidation("User-Agent", "say \"hi\" \\ {}");
                (await proxy.Client.SendAsync(request, Cancellation)).Dispose();
            }
        }

        // With a preference file of our own: the machine's may set anything.
        await File.WriteAllTextAsync(_directory["goaccess.conf"], "", Cancellation);
        var read = await Tool.RunAsync(
            "goaccess", [LogFile, "--config-file", _directory["goaccess.conf"], $"--log-format={name}", "--no-global-config", "-o", _directory["report.json"]]);

        Assert.True(read.ExitCode == 0, read.Output + read.Error + await File.ReadAllTextAsync(LogFile, Cancellation));
        var report = JsonNode.Parse(await File.ReadAllTextAsync(_directory["report.json"], Cancellation))!;
        Assert.Equal((5, 0), ((int)report["general"]!["valid_requests"]!, (int)report["general"]!["failed_requests"]!));
        var hits = report["status_codes"]!["data"]!.AsArray().ToDictionary(entry => ((string)entry!["data"]!)[..3], entry => (int)entry!["hits"]!["count"]!);
        Assert.Equal(5, hits.Values.Sum());
    }

    private static IEnumerable<string> Missing(JsonObject theirs, JsonObject ours, string path)
    {
        foreach (var (name, value) in theirs)
        {
            var at = $"{path}/{name}";
            if (at.StartsWith("/resp_headers/", StringComparison.Ordinal))
            {
                continue;
            }

            if (!ours.TryGetPropertyValue(name, out var mine) || mine!.GetValueKind() != value!.GetValueKind())
            {
                yield return at;
            }
            else if (value is JsonObject inner)
            {
                foreach (var missing in Missing(inner, mine.AsObject(), at))
                {
                    yield return missing;
                }
            }
        }
    }

    private static async Task<bool> RespondsAsync(HttpClient client)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/a/b");
        request.Headers.TryAddWithoutValidation("User-Agent", "agent/1.0");
        request.Headers.TryAddWithoutValidation("Accept", "*/*");
        try
        {
            using var response = await client.SendAsync(request, Cancellation);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false; // not there yet
        }
    }

    private Task<DataPlane> StartAsync(string blue, AccessLogFormat format) =>
        DataPlane.StartAsync(blue, "http://127.0.0.1:1", options => options.AccessLog = new AccessLogOptions { Format = format, Path = LogFile });
}
