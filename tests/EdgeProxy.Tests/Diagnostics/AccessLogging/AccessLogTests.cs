using System.Text.Json;
using EdgeProxy.Diagnostics;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Diagnostics.AccessLogging;

/// <summary>The access log of a running proxy.</summary>
public sealed class AccessLogTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string LogFile => _directory["access.log"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_request_is_one_line_that_says_what_became_of_it()
    {
        await using var blue = await Backend.StartAsync(context => context.Response.WriteAsync("0123456789"));
        await using (var proxy = await StartAsync(blue.Address))
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/a%2Fb?token=secret&page=2") { Content = new StringContent("x") };
            request.Headers.Add("X-Request-ID", "the-id");
            request.Headers.Add("Authorization", "Bearer secret");
            request.Headers.Add("Cookie", "sessionid=secret");
            using var response = await proxy.Client.SendAsync(request, Cancellation);
        }

        var line = Assert.Single(await File.ReadAllLinesAsync(LogFile, Cancellation));
        Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(line);
        string? Text(string name) => json.RootElement.GetProperty(name).GetString();
        double Number(string name) => json.RootElement.GetProperty(name).GetDouble();
        Assert.Equal("the-id", Text("requestId"));
        Assert.Equal("127.0.0.1", Text("client"));
        Assert.Equal("POST", Text("method"));
        Assert.Equal("/a%2Fb", Text("path"));
        Assert.Equal("token=REDACTED&page=REDACTED", Text("query"));
        Assert.Equal("blue", Text("slot"));
        Assert.Equal(200, Number("status"));
        Assert.Equal(10, Number("bytes"));
        Assert.Equal(0, Number("retries"));
        Assert.Equal(0, Number("heldMs"));
        Assert.InRange(Number("upstreamMs"), 0.001, Number("durationMs"));
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
            await arrived.Task.Within();
            await leave.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
            await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0, "the request has ended");
        }

        Assert.Contains("\"status\":499", Assert.Single(await File.ReadAllLinesAsync(LogFile, Cancellation)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_left_in_the_middle_of_a_response_is_499_with_the_bytes_that_were_sent()
    {
        await using var blue = await Backend.StartAsync(async context =>
        {
            context.Response.ContentLength = 1000;
            await context.Response.WriteAsync("0123456789");
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        await using (var proxy = await StartAsync(blue.Address))
        {
            using (var response = await proxy.Client.GetAsync("/", HttpCompletionOption.ResponseHeadersRead, Cancellation))
            {
                await (await response.Content.ReadAsStreamAsync(Cancellation)).ReadExactlyAsync(new byte[10], Cancellation).Within();
            }

            await Eventually.TrueAsync(() => proxy.Slots.Active.InFlight.Total == 0, "the request has ended");
        }

        using var json = JsonDocument.Parse(Assert.Single(await File.ReadAllLinesAsync(LogFile, Cancellation)));
        Assert.Equal(499, json.RootElement.GetProperty("status").GetInt32());
        Assert.Equal(10, json.RootElement.GetProperty("bytes").GetInt32());
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

        using var json = JsonDocument.Parse(Assert.Single(await File.ReadAllLinesAsync(LogFile, Cancellation)));
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

        await Eventually.TrueAsync(() => proxy.AccessLog.Dropped == 3, "the loss is counted");
    }

    /// <summary>A pipe that nobody reads: opening it hangs, as a dead network disk does.</summary>
    [Fact]
    public async Task A_log_that_hangs_delays_no_request()
    {
        var pipe = _directory["pipe"];
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", [pipe]))
        {
            await mkfifo.EndWithin();
        }

        await using var blue = await Backend.NamedAsync("blue");
        await using var proxy = await DataPlane.StartAsync(
            blue.Address, "http://127.0.0.1:1", options => options.AccessLog = new AccessLogOptions { Path = pipe });
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("blue", await proxy.Client.GetStringAsync("/", Cancellation));
        }

        using var reader = new StreamReader(File.OpenRead(pipe)); // and the lines were kept meanwhile
        for (var i = 0; i < 20; i++)
        {
            Assert.StartsWith("{\"time\"", await reader.ReadLineAsync(Cancellation).Within(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task After_logrotate_has_renamed_the_file_a_new_one_is_written()
    {
        await using var blue = await Backend.NamedAsync("blue");
        await using var proxy = await StartAsync(blue.Address);
        await RequestAsync(proxy, "/first");
        File.Move(LogFile, LogFile + ".1");
        await RequestAsync(proxy, "/still-the-old-one", LogFile + ".1");

        proxy.AccessLog.Reopen();

        await Eventually.TrueAsync(() => File.Exists(LogFile), "the new file is there without a request");
        await RequestAsync(proxy, "/second");
        Assert.DoesNotContain("/second", await File.ReadAllTextAsync(LogFile + ".1", Cancellation), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(LogFile) & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.GroupWrite));
    }

    [Fact]
    public async Task After_logrotate_has_truncated_the_file_lines_begin_at_its_start()
    {
        await using var blue = await Backend.NamedAsync("blue");
        await using var proxy = await StartAsync(blue.Address);
        await RequestAsync(proxy, "/first");
        await using (var truncated = new FileStream(LogFile, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            truncated.SetLength(0);
        }

        await RequestAsync(proxy, "/second");

        Assert.StartsWith("{", await File.ReadAllTextAsync(LogFile, Cancellation), StringComparison.Ordinal);
    }

    private async Task RequestAsync(DataPlane proxy, string path, string? file = null)
    {
        (await proxy.Client.GetAsync(path, Cancellation)).Dispose();
        var log = file ?? LogFile;
        await Eventually.TrueAsync(() => File.Exists(log) && File.ReadAllText(log).Contains($"\"{path}\"", StringComparison.Ordinal), "the line is written");
    }

    private Task<DataPlane> StartAsync(string blue) =>
        DataPlane.StartAsync(blue, "http://127.0.0.1:1", options => options.AccessLog = new AccessLogOptions { Path = LogFile });
}
