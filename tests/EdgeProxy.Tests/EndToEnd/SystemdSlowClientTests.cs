using System.Globalization;
using System.Security.Cryptography;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>Four slow clients for each sync worker: others are served, a switch does not wait for them, and what they send and get is whole.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class SystemdSlowClientTests
{
    [Fact]
    public async Task Uploads_that_trickle_hold_no_worker_and_go_to_the_new_slot()
    {
        await using var vps = await SlowClients.StartAsync();
        using var others = new HttpClient { BaseAddress = vps.Public };
        var body = RandomNumberGenerator.GetBytes(300_000);
        await SlowClients.MeasureOthersAsync(others); // what is loaded and compiled at first
        var alone = await SlowClients.MeasureOthersAsync(others);
        var plain = await SwitchAsync(vps);

        var end = await SlowClients.BeginUploadsAsync(others, body, slot: "blue");
        var beside = await SlowClients.MeasureOthersAsync(others);
        var switched = await SwitchAsync(vps); // from green, where the first switch went
        await SlowClients.MeasureOthersAsync(others);
        await end();

        var nginx = await SlowClients.ThroughNginxAsync(vps, client => SlowClients.BeginUploadsAsync(client, body, slot: "blue"));
        Report("uploads that trickle", alone, beside, plain, switched, nginx);
    }

    [Fact]
    public async Task Downloads_that_are_read_slowly_hold_no_worker_and_are_whole()
    {
        await using var vps = await SlowClients.StartAsync();
        using var others = new HttpClient { BaseAddress = vps.Public };
        await SlowClients.MeasureOthersAsync(others); // what is loaded and compiled at first
        var alone = await SlowClients.MeasureOthersAsync(others);
        var plain = await SwitchAsync(vps);

        using var slow = SlowClients.NewSlowReader(vps.Public);
        var responses = await SlowClients.BeginDownloadsAsync(slow);
        await Eventually.TrueAsync(async () => await InFlightAsync(vps, "green") == 0, "the app has given all of them");
        var beside = await SlowClients.MeasureOthersAsync(others);
        var switched = await SwitchAsync(vps);
        await SlowClients.AssertWholeAsync(responses);

        var nginx = await SlowClients.ThroughNginxAsync(vps, async client =>
        {
            var downloads = await SlowClients.BeginDownloadsAsync(SlowClients.NewSlowReader(client.BaseAddress!));
            return () => SlowClients.AssertWholeAsync(downloads);
        });
        Report("slow readers of 40 MB", alone, beside, plain, switched, nginx);
    }

    private static async Task<TimeSpan> SwitchAsync(Vps vps)
    {
        var start = TimeProvider.System.GetTimestamp();
        var (_, ended) = await vps.SwitchAsync().Within();
        Assert.Equal(nameof(SwitchOutcome.Completed), ended.Outcome());
        // A client that is waited for would make it as long as the deadline, 150 s.
        Assert.InRange(ended.Phase(SwitchPhase.Drain).Duration(), TimeSpan.Zero, TimeSpan.FromSeconds(20));
        return TimeProvider.System.GetElapsedTime(start);
    }

    private static void Report(string what, TimeSpan alone, TimeSpan beside, TimeSpan plain, TimeSpan switched, TimeSpan? nginx) => Figures.Report(
        string.Create(
            CultureInfo.InvariantCulture,
            $"GETs beside {SlowClients.Count} {what}, p99: {beside.TotalMilliseconds:F1} ms ({alone.TotalMilliseconds:F1} ms without them, " +
                $"{nginx?.TotalMilliseconds:F1} ms through nginx); a switch took {switched.TotalSeconds:F2} s ({plain.TotalSeconds:F2} s without them)"));

    private static async Task<int> InFlightAsync(Vps vps, string slot) =>
        (await vps.GetAsync("/status")).GetProperty("slots").GetProperty(slot).GetProperty("inFlight").GetProperty("http").GetInt32();
}
