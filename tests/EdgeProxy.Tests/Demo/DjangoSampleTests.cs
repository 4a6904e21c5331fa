using System.Net;
using System.Security.Cryptography;
using EdgeProxy.Demo;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using EdgeProxy.Units.Process;
using Microsoft.Extensions.Logging.Abstractions;

namespace EdgeProxy.Tests.Demo;

/// <summary>The sample Django project under gunicorn as a child process, where both are installed.</summary>
public sealed class DjangoSampleTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly int _port = LoopbackPort.Free(1)[0];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task It_has_the_routes_of_the_sample_backend()
    {
        await SkipWithoutDjangoAsync();
        await using var units = Create();
        using var http = await StartAsync(units);

        Assert.Contains("\"slot\": \"blue\"", await http.GetStringAsync("/", Cancellation), StringComparison.Ordinal);
        Assert.Contains("true", await http.GetStringAsync("/v1/config/feature-flags/", Cancellation), StringComparison.Ordinal);
        Assert.Equal("slow\n", await http.GetStringAsync("/slow?ms=1", Cancellation));
        Assert.Equal(1_000_000, (await http.GetByteArrayAsync("/download?ms=100", Cancellation)).Length);
        Assert.Contains("\"target\": \"/headers?a=%2F\"", await http.GetStringAsync("/headers?a=%2F", Cancellation), StringComparison.Ordinal);
        using var teapot = await http.GetAsync("/status/418", Cancellation);
        Assert.Equal((418, "blue"), ((int)teapot.StatusCode, Assert.Single(teapot.Headers.GetValues("X-Slot"))));

        var body = RandomNumberGenerator.GetBytes(100_000);
        foreach (var chunked in (bool[])[false, true])
        {
            using var upload = new HttpRequestMessage(HttpMethod.Post, "/hash") { Content = new ByteArrayContent(body) };
            upload.Headers.TransferEncodingChunked = chunked;
            using var response = await http.SendAsync(upload, Cancellation);
            Assert.Contains(Convert.ToHexStringLower(SHA256.HashData(body)), await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task It_refuses_foreign_hosts_and_redirects_to_https_where_it_is_told_to()
    {
        await SkipWithoutDjangoAsync();
        await using var units = Create("SAMPLE_ALLOWED_HOSTS=example.org SAMPLE_SSL_REDIRECT=1");
        using var http = await StartAsync(units);

        Assert.Equal((400, null), await AskAsync(http, "other.example", "https"));
        Assert.Equal((301, "https://example.org/"), await AskAsync(http, "example.org", "http"));
        Assert.Equal((200, null), await AskAsync(http, "example.org", "https"));
    }

    [Fact]
    public async Task It_fails_as_it_is_told_to()
    {
        await SkipWithoutDjangoAsync();
        await using (var failing = Create("SAMPLE_FAULT=import"))
        {
            await failing.StartAsync(SlotName.Blue, Cancellation);
            await Eventually.TrueAsync(async () => (await failing.GetStatusAsync(SlotName.Blue, Cancellation)).Restarts > 0, "gunicorn gives up");
            Assert.Contains(
                await failing.ReadLogAsync(SlotName.Blue, 100, Cancellation), line => line.Contains("SAMPLE_FAULT=import", StringComparison.Ordinal));
        }

        await using var units = Create("SAMPLE_FAULT=health-500");
        using var http = await StartAsync(units);
        using var response = await http.GetAsync("/v1/config/feature-flags/", Cancellation);
        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        await Eventually.TrueAsync(
            async () =>
                (await units.ReadLogAsync(SlotName.Blue, 100, Cancellation))
                    .Any(line => line.StartsWith("RuntimeError: the health path fails", StringComparison.Ordinal)),
            "the traceback is in the log");
    }

    private static async Task SkipWithoutDjangoAsync()
    {
        if (await DjangoSample.ProblemAsync(Cancellation) is { } missing)
        {
            Assert.Skip(missing);
        }
    }

    private static async Task<(int Status, string? Location)> AskAsync(HttpClient http, string host, string scheme)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Host = host;
        request.Headers.Add("X-Forwarded-Proto", scheme);
        using var response = await http.SendAsync(request, Cancellation);
        return ((int)response.StatusCode, response.Headers.Location?.ToString());
    }

    private ProcessUnits Create(string environment = "")
    {
        DjangoSample.WriteTo(_directory.Path);
        return new(
            new SlotsOptions { Blue = new() { Address = $"http://127.0.0.1:{_port}" }, Green = new() { Address = "http://127.0.0.1:1" } },
            new UnitsOptions
            {
                Process = new()
                {
                    Command = DjangoSample.Command.Replace("/usr/bin/env", $"/usr/bin/env {environment}", StringComparison.Ordinal),
                    WorkingDirectory = _directory.Path,
                },
            },
            _directory.Path,
            TimeProvider.System,
            NullLogger<ProcessUnits>.Instance);
    }

    private async Task<HttpClient> StartAsync(ProcessUnits units)
    {
        var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };
        await units.StartAsync(SlotName.Blue, Cancellation);
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    using var response = await http.GetAsync("/status/200", Cancellation);
                    return true;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            "gunicorn responds");
        return http;
    }
}
