using System.Text.Json;
using EdgeProxy.Diagnostics;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Diagnostics;

public sealed class AccessLogTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"edgeproxy-access-{Guid.NewGuid():N}.log");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => File.Delete(_file);

    [Fact]
    public async Task A_request_is_one_line_that_says_what_became_of_it()
    {
        await using var blue = await Backend.StartAsync(context => context.Response.WriteAsync("0123456789"));
        await using (var proxy = await StartAsync(blue.Address))
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/a/b?token=secret") { Content = new StringContent("x") };
            request.Headers.Add("X-Request-ID", "the-id");
            using var response = await proxy.Client.SendAsync(request, Cancellation);
        }

        var line = Assert.Single(await File.ReadAllLinesAsync(_file, Cancellation));
        Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(line);
        string? Text(string name) => json.RootElement.GetProperty(name).GetString();
        int Number(string name) => json.RootElement.GetProperty(name).GetInt32();
        Assert.Equal("the-id", Text("requestId"));
        Assert.Equal("POST", Text("method"));
        Assert.Equal("/a/b", Text("path"));
        Assert.Equal("blue", Text("slot"));
        Assert.Equal(200, Number("status"));
        Assert.Equal(10, Number("bytes"));
        Assert.Equal(0, Number("retries"));
    }

    [Fact]
    public async Task A_client_that_left_is_499()
    {
        var arrived = new TaskCompletionSource();
        await using var blue = await Backend.StartAsync(context =>
        {
            arrived.SetResult();
            return Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        await using (var proxy = await StartAsync(blue.Address))
        {
            using var leave = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            var request = proxy.Client.GetAsync("/", leave.Token);
            await arrived.Task.WaitAsync(Cancellation);
            await leave.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
            await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0, "the request has ended");
        }

        Assert.Contains("\"status\":499", Assert.Single(await File.ReadAllLinesAsync(_file, Cancellation)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_was_held_says_for_how_long()
    {
        var port = Backend.FreePort();
        await using (var proxy = await StartAsync($"http://127.0.0.1:{port}"))
        {
            var held = proxy.Client.GetAsync("/", Cancellation);
            await Eventually.TrueAsync(() => proxy.Gate.Held == 1, "the request is held");
            await using var blue = await Backend.NamedAsync("blue", port);
            (await held).Dispose();
        }

        using var json = JsonDocument.Parse(Assert.Single(await File.ReadAllLinesAsync(_file, Cancellation)));
        Assert.True(json.RootElement.GetProperty("retries").GetInt32() >= 1);
        Assert.True(json.RootElement.GetProperty("heldMs").GetDouble() > 0);
    }

    [Fact]
    public async Task A_log_that_cannot_be_written_costs_lines_and_nothing_else()
    {
        await using var blue = await Backend.NamedAsync("blue");
        await using var proxy = await DataPlane.StartAsync(
            blue.Address, "http://127.0.0.1:1", options => options.AccessLog = new AccessLogOptions { Path = "/proc/no/such/directory/access.log" });

        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("blue", await proxy.Client.GetStringAsync("/", Cancellation));
        }

        await Eventually.TrueAsync(() => proxy.AccessLog.Dropped >= 1, "the loss is counted");
    }

    private Task<DataPlane> StartAsync(string blue) =>
        DataPlane.StartAsync(blue, "http://127.0.0.1:1", options => options.AccessLog = new AccessLogOptions { Path = _file });
}
