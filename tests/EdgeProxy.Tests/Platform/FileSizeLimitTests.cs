using System.Net;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Platform;

/// <summary>A real process under the real limit of prlimit(1): what it cannot write any more costs no request.</summary>
public sealed class FileSizeLimitTests : IDisposable
{
    private const int Limit = 20_000;

    private readonly TemporaryDirectory _directory = new();
    private readonly int _port = Backend.FreePort();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Neither_the_access_log_nor_a_spooled_body_ends_the_process()
    {
        Tool.Demand("prlimit");
        await using var app = await Backend.StartAsync(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            await context.Response.WriteAsync($"{body.Length}");
        });
        await WriteSettingsAsync(app.Address);
        using var proxy = CommandProcess.StartWithFileSizeLimit(Limit, "run", "--config", _directory["appsettings.json"]);
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };
        await Eventually.TrueAsync(() => IsServedAsync(client), "the proxy serves");

        using var upload = new SlowContent(new byte[300_000]);
        using var response = await client.PostAsync("/", upload, Cancellation).Within();
        Assert.Equal("300000", await response.Content.ReadAsStringAsync(Cancellation));
        await proxy.ReadToAsync("There is no room for the body of a slow client: File too large");

        await Eventually.TrueAsync(
            async () => await IsServedAsync(client) && new FileInfo(_directory["access.log"]).Length == Limit, "the access log is full");
        await proxy.ReadToAsync("The access log cannot be written to");
        Assert.True(await IsServedAsync(client));
        Assert.Equal(0, await proxy.TerminateAsync());
    }

    private static async Task<bool> IsServedAsync(HttpClient client)
    {
        try
        {
            using var response = await client.GetAsync("/", Cancellation);
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false; // not there yet
        }
    }

    private Task WriteSettingsAsync(string app) => File.WriteAllTextAsync(
        _directory["appsettings.json"],
        $$"""
        {
          "EdgeProxy": {
            "Slots": { "Blue": { "Address": "{{app}}" }, "Green": { "Address": "http://127.0.0.1:{{Backend.FreePort()}}" } },
            "Units": { "Manager": "Process", "Process": { "Command": "sleep 600 {slot}" } },
            "Upstream": { "Buffering": { "MemoryPerRequest": "4KB", "Directory": "{{_directory.Path}}" } },
            "Admin": { "Socket": "{{_directory["admin.sock"]}}", "Url": null },
            "State": { "Directory": "{{_directory["state"]}}" },
            "AccessLog": { "Path": "{{_directory["access.log"]}}" }
          },
          "Kestrel": { "Endpoints": { "Http": { "Url": "http://127.0.0.1:{{_port}}" } } }
        }
        """,
        Cancellation);

    /// <summary>Each third of it comes later than a fast client's.</summary>
    private sealed class SlowContent(byte[] bytes) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            for (var i = 0; i < 3; i++)
            {
                await stream.WriteAsync(bytes.AsMemory(i * (bytes.Length / 3), bytes.Length / 3), Cancellation);
                await stream.FlushAsync(Cancellation);
                await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System, Cancellation);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = bytes.Length;
            return true;
        }
    }
}
