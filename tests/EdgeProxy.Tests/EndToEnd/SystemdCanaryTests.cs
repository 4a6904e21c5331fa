using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>A part of the clients gets the new version first: gunicorn and Django as real units, clients with cookies as browsers have them.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class SystemdCanaryTests
{
    private const int Clients = 16;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_client_keeps_its_version_until_all_have_the_new_one()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync(
            new AppUnits(Workers: 2, Threads: 4),
            """ "Switch": { "Observe": "00:00:00", "Canary": [{ "Share": 25, "For": "00:00:03" }, { "Share": 60, "For": "00:00:03" }] }, """);
        var load = MixedLoad.Start(vps.Public, withSlow: false);
        await using var visits = new Visits(vps.Public);

        var (status, ended) = await vps.SwitchAsync();

        Assert.True(status == 200, ended.ToString());
        await Eventually.TrueAsync(() => visits.Seen.All(seen => seen.LastOrDefault() == "green"), "all have the new version");
        await visits.DisposeAsync();
        Assert.Empty(visits.Failures);
        Assert.DoesNotContain(await load.StopAsync(), shot => shot.Failure is not null);
        Assert.All(visits.Seen, seen => Assert.DoesNotContain(("green", "blue"), seen.Zip(seen.Skip(1)))); // whoever has had it keeps it
        var first = ended.GetProperty("phases").EnumerateArray().Where(run => run.GetProperty("phase").GetString() == nameof(SwitchPhase.Canary)).ToArray();
        Assert.Equal(2, first.Length);
        Assert.InRange(visits.FirstGreen.Count(at => at < first[1].StartedAt()), 1, Clients - 1); // with these cookies; 25 % of them on average
        Figures.Report($"canary: {visits.Seen.Sum(seen => seen.Count)} requests of {Clients} clients, each with one version at a time, 0 failed");
    }

    [Fact]
    public async Task A_slow_version_is_found_beside_the_old_one_and_goes_back_without_a_failed_request()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync(
            new AppUnits(Workers: 2, Threads: 8), """ "Switch": { "Canary": [{ "Share": 50, "For": "00:10:00" }] }, """);
        await vps.SetEnvironmentAsync(SlotName.Green, "SAMPLE_FAULT=page-slow");
        await using var visits = new Visits(vps.Public);

        var (status, ended) = await vps.SwitchAsync();

        Assert.True(status == 502 && ended.Outcome() == nameof(SwitchOutcome.RolledBack), ended.ToString());
        await Eventually.TrueAsync(() => visits.Seen.All(seen => seen.LastOrDefault() == "blue"), "all have the old version again");
        await visits.DisposeAsync();
        Assert.Empty(visits.Failures);
        var step = ended.Phase(SwitchPhase.Canary);
        var judgement = step.GetProperty("judgement");
        Assert.Matches("^P9[59]$", judgement.GetProperty("figure").GetString());
        Assert.True(judgement.GetProperty("atTheSameTime").GetBoolean());
        Assert.Equal("/", judgement.GetProperty("paths")[0].GetProperty("path").GetString());
        Assert.Contains("worst paths: / (", ended.Reason(), StringComparison.Ordinal);
        Assert.NotEmpty(ended.Log());
        Assert.Equal("inactive", await vps.ActiveStateAsync(Vps.UnitOf(SlotName.Green)));
        Assert.Equal(SlotName.Blue, await vps.ActiveSlotAsync());
        Figures.Report(string.Create(
            CultureInfo.InvariantCulture,
            $"a slow version was found in {step.Duration().TotalSeconds:0.0} s and {judgement.GetProperty("candidateRequests").GetInt64()} requests of half " +
                $"of the clients, 0 requests failed"));
    }

    /// <summary>Clients with a session each, who load the page again and again.</summary>
    private sealed class Visits : IAsyncDisposable
    {
        private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

        private readonly CancellationTokenSource _stop = new();
        private readonly ConcurrentQueue<string>[] _seen = [.. Enumerable.Range(0, Clients).Select(_ => new ConcurrentQueue<string>())];
        private readonly DateTimeOffset[] _firstGreen = [.. Enumerable.Repeat(DateTimeOffset.MaxValue, Clients)];
        private readonly Task _all;

        public Visits(Uri site) => _all = Task.WhenAll(Enumerable.Range(0, Clients).Select(client => VisitAsync(site, client)));

        public ConcurrentQueue<string> Failures { get; } = new();

        /// <summary>The slots that have responded, by client.</summary>
        public IReadOnlyList<IReadOnlyCollection<string>> Seen => _seen;

        public IReadOnlyList<DateTimeOffset> FirstGreen => _firstGreen;

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _all;
        }

        private async Task VisitAsync(Uri site, int number)
        {
            var cookies = new CookieContainer();
            cookies.Add(site, new Cookie("sessionid", string.Create(CultureInfo.InvariantCulture, $"client-{number}")));
            using var client = new HttpClient(new SocketsHttpHandler { CookieContainer = cookies, UseProxy = false }) { BaseAddress = site };
            while (!_stop.IsCancellationRequested)
            {
                using var response = await client.GetAsync("/", Cancellation);
                var slot = response.Headers.TryGetValues("X-Slot", out var by) ? by.Single() : "nobody";
                if (!response.IsSuccessStatusCode)
                {
                    Failures.Enqueue($"{slot}: {response.StatusCode}");
                }

                if (slot == "green" && _firstGreen[number] == DateTimeOffset.MaxValue)
                {
                    _firstGreen[number] = TimeProvider.System.GetUtcNow();
                }

                _seen[number].Enqueue(slot);
                await Task.Delay(Pause, TimeProvider.System, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
