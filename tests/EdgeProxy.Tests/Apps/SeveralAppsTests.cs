using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Apps;

/// <summary>Two apps behind one proxy: each has its hosts, its switches and its faults, and the other sees nothing of them.</summary>
public sealed class SeveralAppsTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_host_gets_its_app_and_each_app_its_own_state_labels_and_limits()
    {
        await using var site = await SeveralApps.StartAsync();

        var (shop, blog) = (await PidOfResponseAsync(site, "shop"), await PidOfResponseAsync(site, "blog"));
        Assert.Equal((await site.PidAsync("shop"), await site.PidAsync("blog")), ((int?)shop, (int?)blog));
        using (var foreign = await site.GetAsync(SeveralApps.ForeignHostOf("shop")))
        {
            Assert.Equal(HttpStatusCode.OK, foreign.StatusCode);
        }

        using (var nobody = await site.GetAsync("other.example.com"))
        {
            Assert.Equal(HttpStatusCode.MisdirectedRequest, nobody.StatusCode);
        }

        // A limit of one app is none of the other's.
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, await PostAsync(site, "blog", 100));
        Assert.Equal(HttpStatusCode.OK, await PostAsync(site, "shop", 100));

        Assert.All(SeveralApps.Names, app => Assert.True(File.Exists(Path.Combine(site.State, "apps", app, "active.json"))));
        Assert.False(File.Exists(Path.Combine(site.State, "active.json")));

        Assert.Equal(0, (await site.RunAsync("switch", "--app", "shop")).ExitCode);
        await site.RestartAsync();
        Assert.Equal(("green", "blue"), ((string?)(await site.StatusAsync("shop"))["active"], (string?)(await site.StatusAsync("blog"))["active"]));

        var metrics = await site.MetricsAsync();
        Assert.Contains("edgeproxy_slot_active{app=\"shop\",slot=\"green\"} 1", metrics, StringComparison.Ordinal);
        Assert.Contains("edgeproxy_slot_active{app=\"blog\",slot=\"blue\"} 1", metrics, StringComparison.Ordinal);
        Assert.Contains("app=\"shop\",code=\"200\"", metrics, StringComparison.Ordinal);
        var lines = (await File.ReadAllLinesAsync(site.AccessLog, Cancellation)).Select(line => JsonNode.Parse(line)!).Where(line => line["app"] is not null)
            .ToList();
        Assert.All(lines, line => Assert.Contains(
            (string?)line["host"], new[] { SeveralApps.HostOf((string)line["app"]!), SeveralApps.ForeignHostOf((string)line["app"]!) }));
        Assert.Equal(SeveralApps.Names, lines.Select(line => (string)line["app"]!).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_command_line_names_the_apps_and_takes_one()
    {
        await using var site = await SeveralApps.StartAsync();

        foreach (var verb in new[] { "switch", "rollback", "pause", "resume" })
        {
            var refused = await site.RunAsync(verb);
            Assert.Equal(4, refused.ExitCode);
            Assert.Contains("There are several apps: blog, shop.", refused.Error, StringComparison.Ordinal);
            Assert.Contains("--app NAME", refused.Error, StringComparison.Ordinal);
        }

        string[] verbs = ["switch", "rollback", "status", "history", "top --once", "preview", "promote", "abort", "pause", "resume", "maintenance on"];
        foreach (var verb in verbs)
        {
            var unknown = await site.RunAsync([.. verb.Split(' '), "--app", "forum"]);
            Assert.Equal((verb, 2), (verb, unknown.ExitCode));
            Assert.Contains("There is no app \"forum\"; there is: blog, shop.", unknown.Error, StringComparison.Ordinal);
        }

        var all = await site.RunAsync("status");
        Assert.Equal(0, all.ExitCode);
        Assert.Contains("app blog: traffic is on blue", all.Output, StringComparison.Ordinal);
        Assert.Contains("app shop: traffic is on blue", all.Output, StringComparison.Ordinal);
        Assert.Contains("; traffic is on blue", (await site.RunAsync("status", "--app", "shop")).Output, StringComparison.Ordinal);

        // One is paused: its requests wait, the other's do not.
        Assert.Equal(0, (await site.RunAsync("pause", "--app", "shop", "--max-wait", "30s")).ExitCode);
        var waits = site.GetAsync(SeveralApps.HostOf("shop"));
        using (var response = await site.GetAsync(SeveralApps.HostOf("blog")))
        {
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        await Eventually.TrueAsync(async () => (int?)(await site.StatusAsync("shop"))["held"] == 1, "the request waits");
        Assert.Equal(0, (int?)(await site.StatusAsync("blog"))["held"]);
        Assert.Equal(0, (await site.RunAsync("resume", "--app", "shop")).ExitCode);
        using var released = await waits.Within();
        Assert.Equal(HttpStatusCode.OK, released.StatusCode);
    }

    /// <summary>Both deploy in the same moment; then one's process is killed again and again while the other deploys.</summary>
    [Fact]
    public async Task Both_switch_at_the_same_time_and_no_fault_of_one_is_seen_in_the_other()
    {
        await using var site = await SeveralApps.StartAsync();
        await using (var shop = new Client(site, "shop"))
        await using (var blog = new Client(site, "blog"))
        {
            var switches = await Task.WhenAll(SeveralApps.Names.Select(app => site.RunAsync("switch", "--app", app, "--label", $"v2 of {app}")));

            Assert.All(switches, ended => Assert.True(ended.ExitCode == 0, ended.Output + ended.Error));
            await shop.MoreAsync();
            await blog.MoreAsync();
            Assert.Empty(shop.Failures.Concat(blog.Failures));
        }

        foreach (var app in SeveralApps.Names)
        {
            var status = await site.StatusAsync(app);
            Assert.Equal(
                ("green", "Completed", $"v2 of {app}"),
                ((string?)status["active"], (string?)status["lastSwitch"]!["outcome"], (string?)status["slots"]!["green"]!["label"]));
            Assert.Equal(
                (string?)status["lastSwitch"]!["id"], (string?)Assert.Single((await site.AdminAsync($"apps/{app}/switches"))["switches"]!.AsArray())!["id"]);
        }

        await using var client = new Client(site, "blog");
        var deploy = site.RunAsync("switch", "--app", "blog");
        for (var kills = 0; kills < 3; kills++)
        {
            await KillAsync(site, "shop");
        }

        var deployed = await deploy;
        Assert.True(deployed.ExitCode == 0, deployed.Output + deployed.Error);
        await client.MoreAsync();
        Assert.Empty(client.Failures);
        Assert.Equal(0, (int?)(await site.StatusAsync("blog"))["slots"]!["blue"]!["errors"]);
        await Eventually.TrueAsync(async () => (await site.GetAsync(SeveralApps.HostOf("shop"))).IsSuccessStatusCode, "shop is back");
    }

    private static async Task<int> PidOfResponseAsync(SeveralApps site, string app)
    {
        using var response = await site.GetAsync(SeveralApps.HostOf(app));
        return (int)(await response.Content.ReadFromJsonAsync<JsonNode>(Cancellation))!["pid"]!;
    }

    private static async Task<HttpStatusCode> PostAsync(SeveralApps site, string app, int bytes)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/hash")
        {
            Headers = { Host = SeveralApps.HostOf(app) },
            Content = new ByteArrayContent(new byte[bytes]),
        };
        using var response = await site.Client.SendAsync(request, Cancellation);
        return response.StatusCode;
    }

    /// <summary>Kills the process that responds, and waits until the next one does.</summary>
    private static async Task KillAsync(SeveralApps site, string app)
    {
        var pid = await site.PidAsync(app);
        using var process = System.Diagnostics.Process.GetProcessById(pid!.Value);
        process.Kill();
        await Eventually.TrueAsync(async () => await site.PidAsync(app) is { } next && next != pid, $"the next process of {app}");
    }

    /// <summary>Asks one app again and again, until disposed.</summary>
    private sealed class Client : IAsyncDisposable
    {
        private readonly CancellationTokenSource _enough = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        private readonly Task _asking;
        private int _responses;

        public Client(SeveralApps site, string app) => _asking = AskAsync(site, SeveralApps.HostOf(app));

        public List<string> Failures { get; } = [];

        /// <summary>Returns when it has got twenty more responses.</summary>
        public Task MoreAsync()
        {
            var wanted = Volatile.Read(ref _responses) + 20;
            return Eventually.TrueAsync(() => Volatile.Read(ref _responses) >= wanted || _asking.IsCompleted, "the client gets responses");
        }

        public async ValueTask DisposeAsync()
        {
            await _enough.CancelAsync();
            await _asking;
            _enough.Dispose();
        }

        private async Task AskAsync(SeveralApps site, string host)
        {
            await Task.Yield();
            while (!_enough.IsCancellationRequested)
            {
                try
                {
                    using var response = await site.GetAsync(host);
                    if (response.StatusCode != HttpStatusCode.OK)
                    {
                        Failures.Add($"{host}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync(Cancellation)}");
                    }
                }
                catch (HttpRequestException e)
                {
                    Failures.Add($"{host}: {e.Message}");
                }

                Interlocked.Increment(ref _responses);
            }
        }
    }
}
