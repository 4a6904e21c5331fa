using System.Globalization;
using System.Security.Cryptography;
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
        await SlowClients.WarmUpAsync(others);
        var plain = await SlowClients.SwitchAsync(vps, others);
        await SlowClients.WarmUpAsync(others);
        var alone = await SlowClients.MeasureOthersAsync(others);

        var end = await SlowClients.BeginUploadsAsync(others, body, slot: "blue");
        var beside = await SlowClients.MeasureOthersAsync(others);
        var switched = await SlowClients.SwitchAsync(vps, others); // from green, where the first switch went
        await end();

        var nginx = await SlowClients.ThroughNginxAsync(vps, client => SlowClients.BeginUploadsAsync(client, body, slot: "blue"));
        Report("uploads that trickle", alone, beside, plain, switched, nginx);
    }

    [Fact]
    public async Task Downloads_that_are_read_slowly_hold_no_worker_and_are_whole()
    {
        await using var vps = await SlowClients.StartAsync();
        using var others = new HttpClient { BaseAddress = vps.Public };
        await SlowClients.WarmUpAsync(others);
        var plain = await SlowClients.SwitchAsync(vps, others);
        await SlowClients.WarmUpAsync(others);
        var alone = await SlowClients.MeasureOthersAsync(others);

        using var slow = SlowClients.NewSlowReader(vps.Public);
        var responses = await SlowClients.BeginDownloadsAsync(slow);
        await Eventually.TrueAsync(async () => await InFlightAsync(vps, "green") == 0, "the app has given all of them");
        var beside = await SlowClients.MeasureOthersAsync(others);
        var switched = await SlowClients.SwitchAsync(vps, others);
        await SlowClients.AssertWholeAsync(responses);

        var nginx = await SlowClients.ThroughNginxAsync(vps, async client =>
        {
            var downloads = await SlowClients.BeginDownloadsAsync(SlowClients.NewSlowReader(client.BaseAddress!));
            return () => SlowClients.AssertWholeAsync(downloads);
        });
        Report("slow readers of 40 MB", alone, beside, plain, switched, nginx);
    }

    private static void Report(
        string what,
        List<TimeSpan> alone,
        List<TimeSpan> beside,
        (List<TimeSpan> Others, TimeSpan Took) plain,
        (List<TimeSpan> Others, TimeSpan Took) switched,
        string nginx) => Figures.Report(
        string.Create(
            CultureInfo.InvariantCulture,
            $"p99 of GETs without, then beside {SlowClients.Count} {what}: {SlowClients.P99(alone)}, {SlowClients.P99(beside)} (nginx {nginx}); " +
                $"during a switch {SlowClients.P99(plain.Others)}, {SlowClients.P99(switched.Others)}, " +
                $"which took {plain.Took.TotalSeconds:F2} s, {switched.Took.TotalSeconds:F2} s"));

    private static async Task<int> InFlightAsync(Vps vps, string slot) =>
        (await vps.GetAsync("/status")).GetProperty("slots").GetProperty(slot).GetProperty("inFlight").GetProperty("http").GetInt32();
}
