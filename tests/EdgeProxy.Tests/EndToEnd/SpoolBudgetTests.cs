using System.Globalization;
using System.Security.Cryptography;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>How much of a machine slow uploads take, and what becomes of them where it has too little.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class SpoolBudgetTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A gigabyte of uploads, of which no more is in memory than the budget says; what has no room in memory is in files, and nothing is
    /// lost.</summary>
    [Fact]
    public async Task A_thousand_uploads_wait_within_the_budgets_and_are_whole()
    {
        const int count = 1_000;
        await using var vps = await SlowClients.StartAsync(""" "Upstream": { "Buffering": { "Memory": "16MB", "Disk": "3GB" } }, """);
        using var clients = new HttpClient { BaseAddress = vps.Public, Timeout = TimeSpan.FromMinutes(5) };
        var body = RandomNumberGenerator.GetBytes(1_000_000);
        var before = await ResidentAsync(vps);
        var uploads = Enumerable.Range(0, count).Select(_ => new GatedUpload(body, TimeSpan.FromMinutes(5))).ToList();
        var responses = uploads.ConvertAll(upload => clients.PostAsync("/hash", upload, Cancellation));
        await Task.WhenAll(uploads.Select(upload => upload.HalfSent)).Within(TimeSpan.FromMinutes(3));
        await Eventually.TrueAsync(
            async () => await SlowClients.SpooledAsync(vps) > 0.9 * count * (500_000 - 65_536), "all of it waits in files", TimeSpan.FromMinutes(2));

        using var others = new HttpClient { BaseAddress = vps.Public };
        var beside = await SlowClients.MeasureOthersAsync(others);
        var (disk, memory, resident) = (await SlowClients.SpooledAsync(vps), await SlowClients.SpooledAsync(vps, "memory"), await ResidentAsync(vps));
        Assert.InRange(memory, 0, 16 << 20);
        Figures.Report(string.Create(
            CultureInfo.InvariantCulture,
            $"{count} uploads of 1 MB, half of each there: {disk / 1e6:F0} MB in files, {memory / 1e6:F1} MB in memory; the proxy's resident memory " +
                $"{before / 1e6:F0} MB before, {resident / 1e6:F0} MB now; GETs of others p99 {SlowClients.P99(beside)}"));
        uploads.ForEach(upload => upload.SendTheRest());

        foreach (var response in await Task.WhenAll(responses).Within(TimeSpan.FromMinutes(4)))
        {
            await SlowClients.AssertHashAsync(response, body);
            response.Dispose();
        }

        await Eventually.TrueAsync(async () => await SlowClients.SpooledAsync(vps) == 0, "its room is free");
    }

    /// <summary>The disk of the spool has room for two of twelve: the others pass as they come, and so does the rest of the two.</summary>
    [Theory]
    [InlineData("size=1m")]
    [InlineData("size=64m,ro")]
    public async Task Uploads_for_which_the_disk_has_no_room_are_whole(string mount)
    {
        await using var vps = await SlowClients.StartAsync(""" "Upstream": { "Buffering": { "Directory": "/srv/spool", "Memory": "0B" } }, """);
        _ = (await vps.Lab.RunAsync("mkdir", "-p", "/srv/spool")).Text;
        _ = (await vps.Lab.RunAsync("mount", "-t", "tmpfs", "-o", mount, "tmpfs", "/srv/spool")).Text;
        using var clients = new HttpClient { BaseAddress = vps.Public };
        var body = RandomNumberGenerator.GetBytes(1_000_000);

        var uploads = Enumerable.Range(0, 2).Select(_ => new GatedUpload(body)).ToList(); // with a third one no worker would be left
        var responses = uploads.ConvertAll(upload => clients.PostAsync("/hash", upload, Cancellation));
        await Task.WhenAll(uploads.Select(upload => upload.HalfSent)).Within();
        await Eventually.TrueAsync(async () => await FailuresAsync(vps) + await SlowClients.SpooledAsync(vps) > 0, "it was tried");
        await SlowClients.MeasureOthersAsync(clients, count: 200);
        uploads.ForEach(upload => upload.SendTheRest());

        foreach (var response in await Task.WhenAll(responses).Within())
        {
            await SlowClients.AssertHashAsync(response, body);
            response.Dispose();
        }

        Assert.True(await FailuresAsync(vps) > 0);
    }

    /// <summary>Files without names: what a killed process held is gone with it.</summary>
    [Fact]
    public async Task A_proxy_that_is_killed_leaves_nothing_behind()
    {
        await using var vps = await SlowClients.StartAsync(""" "Upstream": { "Buffering": { "Directory": "/var/lib/edgeproxy" } }, """);
        using var client = new HttpClient { BaseAddress = vps.Public };
        using var upload = new GatedUpload(new byte[20_000_000]);
        var sending = client.PostAsync("/hash", upload, Cancellation);
        var directory = $"{vps.Lab.Root}/var/lib/edgeproxy";
        await Eventually.TrueAsync(async () => await SlowClients.SpooledAsync(vps) > 5_000_000, "a part of it is in a file");

        await vps.SystemctlAsync("kill", "--signal=SIGKILL", Vps.Proxy);

        upload.SendTheRest();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => sending.Within());
        Assert.DoesNotContain(Directory.GetFiles(directory), file => file.Contains("spool", StringComparison.Ordinal));
        await Eventually.TrueAsync(async () => (await client.GetAsync("/", Cancellation)).IsSuccessStatusCode, "the next process serves");
        Assert.Equal(0, await SlowClients.SpooledAsync(vps));
    }

    private static Task<double> FailuresAsync(Vps vps) => SlowClients.ValueAsync(vps, "edgeproxy_spool_refused_total{", "error");

    private static async Task<double> ResidentAsync(Vps vps)
    {
        var pid = (await vps.Lab.RunAsync("systemctl", "show", "--value", "-p", "MainPID", Vps.Proxy)).Text.Trim();
        var status = (await vps.Lab.RunAsync("cat", $"/proc/{pid}/status")).Text;
        var line = status.Split('\n').Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * 1024;
    }
}
