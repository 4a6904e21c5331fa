using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using EdgeProxy.Diagnostics;
using EdgeProxy.Diagnostics.AccessLogging;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Diagnostics.AccessLogging;

/// <summary>What an attacker sends to forge lines, to break whoever reads them, or to have secrets of others written down.</summary>
public sealed partial class LineInjectionTests : IDisposable
{
    private const string UserAgent = "evil\" 200 1\t\\ \u001b[2J {\"status\":200} \u202e\u0085 日本";

    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("/\" 200 12 \"")]
    [InlineData("/%0d%0a127.0.0.1%20-%20-%20forged")]
    [InlineData("/\\\"\\x0a{}[]|^`")]
    [InlineData("/?a=1\"},{\"status\":200")]
    [InlineData("/?=naked&alone&;;&&a=b=c")]
    public async Task A_hostile_request_is_one_line_in_every_format(string target)
    {
        foreach (var format in (AccessLogFormat[])[AccessLogFormat.Json, AccessLogFormat.Caddy, AccessLogFormat.Common])
        {
            var file = _directory[$"{format}-{Guid.NewGuid():N}"];
            await using (var proxy = await StartAsync(format, file))
            {
                await SendAsync(
                    proxy,
                    $"GET {target} HTTP/1.1\r\nHost: shop\"\r\nHost2: x\r\nUser-Agent: {UserAgent}\r\nReferer: http://a/?token=secret\r\nConnection: " +
                        "close\r\n\r\n");
                await SendAsync(proxy, "GET /second HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
            }

            var bytes = await File.ReadAllBytesAsync(file, Cancellation);
            Assert.DoesNotContain(bytes, code => code is < (byte)' ' and not (byte)'\n' or 0x7f);
            var lines = Encoding.UTF8.GetString(bytes).TrimEnd('\n').Split('\n');
            Assert.Contains("/second", lines[^1], StringComparison.Ordinal);
            Assert.InRange(lines.Length, 1, 2); // Kestrel refuses some of it before there is a request
            Assert.All(lines, line => AssertWellFormed(format, line));
        }
    }

    [Theory]
    [InlineData("/a", "/a")]
    [InlineData("/a?", "/a?")]
    [InlineData("/a?page=2", "/a?page=2")]
    [InlineData("/a?token=x", "/a?token=REDACTED")]
    [InlineData("/a?token=", "/a?token=")]
    [InlineData("/a?PAGE=x&page=1", "/a?PAGE=REDACTED&page=1")]
    [InlineData("/a?pa%67e=x", "/a?pa%67e=REDACTED")]
    [InlineData("/a?eyJhbGciOi", "/a?REDACTED")]
    [InlineData("/a?=x", "/a?=REDACTED")]
    [InlineData("/a?page=1;token=x", "/a?page=1;token=REDACTED")]
    [InlineData("/a?page=1?token=x", "/a?page=1?token=x")]
    [InlineData("/a?a=b=c&&q=z&", "/a?a=REDACTED&&q=z&")]
    public void Values_of_a_query_are_written_for_named_parameters_only(string target, string expected) =>
        Assert.Equal(expected, new QueryRedaction(["page", "q"]).Redact(target, new()).ToString());

    private static void AssertWellFormed(AccessLogFormat format, string line)
    {
        Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
        if (format == AccessLogFormat.Common)
        {
            Assert.Matches(CommonLine(), line);
            return;
        }

        using var json = JsonDocument.Parse(line);
        var names = json.RootElement.EnumerateObject().Select(member => member.Name).ToList();
        Assert.Equal(names.Distinct(), names);
        Assert.NotEqual(0, json.RootElement.GetProperty("status").GetInt32());
    }

    private static async Task<DataPlane> StartAsync(AccessLogFormat format, string file) => await DataPlane.StartAsync(
        $"http://127.0.0.1:{Backend.FreePort()}",
        "http://127.0.0.1:1",
        options =>
        {
            options.AccessLog = new AccessLogOptions { Format = format, Path = file };
            options.Upstream.HoldTimeout = TimeSpan.Zero;
        });

    /// <summary>Sends the text as it is, and reads until the server closes.</summary>
    private static async Task SendAsync(DataPlane proxy, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(proxy.Address.Host, proxy.Address.Port, Cancellation);
        await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(request), Cancellation);
        using var reader = new StreamReader(client.GetStream());
        await reader.ReadToEndAsync(Cancellation).Within();
    }

    [GeneratedRegex("""^[0-9.]+ - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "(?:[^"\\]|\\.)*" \d{3} (?:\d+|-)$""")]
    private static partial Regex CommonLine();
}
