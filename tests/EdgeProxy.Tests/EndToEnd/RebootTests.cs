using System.Globalization;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>The machine goes down and comes up again: the slot that was active serves, the other one is stopped, and whoever comes early waits.</summary>
[Collection(ServiceLifeCollection.Name)]
public sealed class RebootTests(RebootTests.Machine machine) : IClassFixture<RebootTests.Machine>
{
    /// <summary>One machine for all, set to start EdgeProxy at boot, and with a client that is there before it.</summary>
    public sealed class Machine : IAsyncLifetime
    {
        private ShippedSite? _site;

        public ShippedSite Site => _site ?? throw new InvalidOperationException("call Assert.SkipWhen(SystemdLab.SkipReason ...) first");

        public async ValueTask InitializeAsync()
        {
            if (SystemdLab.SkipReason is null)
            {
                _site = await ShippedSite.StartAsync(""" "Switch": { "Observe": "00:00:05" }, """);
                await _site.Lab.WriteUnitAsync("early.service", EarlyClient);
                await _site.SystemctlAsync("enable", "edgeproxy-http.socket", "edgeproxy-https.socket", ShippedSite.Proxy, "early.service");
            }
        }

        public ValueTask DisposeAsync() => _site?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    private const string Log = "/var/early.log";

    /// <summary>As soon as the ports are open, and before the proxy is even started.</summary>
    private const string EarlyClient = $$"""
        [Unit]
        DefaultDependencies=no
        After=edgeproxy-http.socket edgeproxy-https.socket
        Before=edgeproxy.service

        [Service]
        Type=exec
        ExecStart=/bin/sh -c 'for i in $(seq 12); do curl -ks -o /dev/null --max-time 60 -w "%%{http_code} %%header{x-slot} %%{time_total}\\n" http://localhost/; \
            curl -ks -o /dev/null --max-time 60 --connect-to ::localhost: -w "%%{http_code} %%header{x-slot} %%{time_total}\\n" https://{{ShippedSite.Name}}/; done > {{Log}}.new; mv {{Log}}.new {{Log}}'

        [Install]
        WantedBy=sockets.target

        """;

    [Fact]
    public async Task After_a_power_off_the_slot_that_was_active_serves()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var site = machine.Site;
        var to = await IdleAsync();
        await site.RunAsync("edgeproxy", "switch", "--label", "before the reboot");

        await site.Lab.RebootAsync(cutsPower: false);

        await AssertServesAsync(to, "power-off and boot");
        Assert.Equal("before the reboot", (await site.StatusAsync()).GetProperty("slots").GetProperty(to).GetProperty("label").GetString());
    }

    /// <summary>Nobody has time to write or stop anything.</summary>
    [Theory]
    [InlineData("StartIdle")]
    [InlineData("Observe")]
    public async Task After_a_power_cut_in_the_middle_of_a_switch_the_slot_that_the_file_names_serves(string phase)
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        var site = machine.Site;
        var to = await IdleAsync();
        var candidate = $"app-server-{to}.service";
        await site.Lab.WriteUnitAsync($"{candidate}.d/test.conf", phase == "StartIdle" ? "[Service]\nEnvironment=SAMPLE_BOOT_SECONDS=10\n" : "");
        await site.RunAsync("edgeproxy", "switch", "--no-wait");
        var journal = $"{site.Lab.Root}/var/lib/edgeproxy/{SwitchCheckpointFile.FileName}";
        await Eventually.TrueAsync(() => IsIn(journal, phase), $"the switch is in {phase}");

        await site.Lab.RebootAsync(cutsPower: true);
        await site.Lab.WriteUnitAsync($"{candidate}.d/test.conf", "");

        await AssertServesAsync(phase == "StartIdle" ? Other(to) : to, $"power cut in {phase} and boot");
        var last = (await site.StatusAsync()).GetProperty("lastSwitch");
        Assert.Contains("EdgeProxy ended in", last.Reason(), StringComparison.Ordinal);
        Assert.Equal(phase == "StartIdle" ? "Aborted" : "CompletedWithWarnings", last.Outcome());
    }

    private static string Other(string slot) => slot == "blue" ? "green" : "blue";

    private static bool IsIn(string journal, string phase)
    {
        try
        {
            return File.ReadAllText(journal).Contains($"\"outcome\":null,\"phase\":\"{phase}\"", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // not there yet
        }
    }

    private async Task<string> IdleAsync() => Other((await machine.Site.StatusAsync()).GetProperty("active").GetString()!);

    private async Task AssertServesAsync(string slot, string what)
    {
        var site = machine.Site;
        var log = site.Lab.Root + Log;
        try
        {
            await Eventually.TrueAsync(() => File.Exists(log), "the early client has been served", TimeSpan.FromMinutes(2));
            var visits = (await File.ReadAllLinesAsync(log, TestContext.Current.CancellationToken)).Select(line => line.Split(' ')).ToList();
            var waits = visits.Select(visit => double.Parse(visit[2], CultureInfo.InvariantCulture)).ToList();
            Figures.Report(
                $"{what}: of {visits.Count} visits from the moment when the ports were open {visits.Count(visit => visit[0] != "200")} failed; the first " +
                    $"waited for {waits[0]:F2} s, the longest for {waits.Max():F2} s");
            Assert.All(visits, visit => Assert.Equal($"200 {slot}", $"{visit[0]} {visit[1]}"));
            await Eventually.TrueAsync(() => !File.Exists($"{site.Lab.Root}/var/lib/edgeproxy/{SwitchCheckpointFile.FileName}"), "the switch is concluded");
            Assert.Equal("active", await site.ShowAsync($"app-server-{slot}.service", "ActiveState"));
            Assert.Equal("inactive", await site.ShowAsync($"app-server-{Other(slot)}.service", "ActiveState"));
            Assert.Equal(slot, (await site.StatusAsync()).GetProperty("active").GetString());
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            throw new InvalidOperationException($"{error.Message}\n{await site.JournalAsync()}", error);
        }
        finally
        {
            File.Delete(log);
        }
    }
}
