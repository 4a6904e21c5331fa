using EdgeProxy.Admin;
using EdgeProxy.Proxying;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using EdgeProxy.Tls.Acme;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EdgeProxy.Tests.State;

/// <summary>
/// State directories that other versions of EdgeProxy have written. <c>golden/VERSION</c> is one as that version left it when it was killed in the middle of a
/// switch, in a pause and under maintenance: it is never changed, a later format gets a directory of its own.
/// </summary>
public sealed class OtherVersionsTests : IAsyncDisposable
{
    private static readonly string _golden = Path.Combine(AppContext.BaseDirectory, "State", "golden");
    private static readonly Uri _authority = new("https://acme-v02.api.letsencrypt.org/directory");

    private readonly ControlPlane _plane = new();

    public static TheoryData<string> Versions => [.. Directory.GetDirectories(_golden).Select(directory => Path.GetFileName(directory))];

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task What_a_former_version_has_left_is_taken_up(string version)
    {
        Copy(version);
        await AssertTakenUpAsync();
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task What_a_later_version_has_added_is_passed_over(string version)
    {
        Copy(version);
        foreach (var file in Directory.EnumerateFiles(_plane.StatePath, "*.json*", SearchOption.AllDirectories))
        {
            var lines = File.ReadAllLines(file).Select(line => """{"addedLater":{"deep":[1,null,"two"]},""" + line[1..]);
            File.WriteAllText(file, string.Join('\n', lines) + (file.EndsWith("jsonl", StringComparison.Ordinal) ? "\n" : ""));
        }

        foreach (var file in Directory.EnumerateFiles(_plane.StatePath, "*.pem", SearchOption.AllDirectories))
        {
            File.WriteAllText(file, "EdgeProxy-Later: a line of a later version\n" + File.ReadAllText(file));
        }

        await AssertTakenUpAsync();
    }

    /// <summary>After a downgrade the proxy serves what it can be sure of, says what it does not understand, and gives it back after the next
    /// upgrade.</summary>
    [Fact]
    public async Task Words_of_a_later_version_are_said_and_not_lost()
    {
        Copy("0.1");
        var history = _plane.StateFile(SwitchHistory.FileName);
        var later = File.ReadLines(history).First().Replace("\"Completed\"", "\"CompletedTwice\"", StringComparison.Ordinal);
        File.AppendAllText(history, later + "\n");
        var journal = _plane.StateFile(SwitchCheckpointFile.FileName);
        File.WriteAllText(journal, File.ReadAllText(journal).Replace("\"phase\":\"Observe\"", "\"phase\":\"Shadow\"", StringComparison.Ordinal));
        var log = new LogLines<InterruptedSwitch>();
        var historyLog = new LogLines<SwitchHistory>();
        _plane.ConfigureAppServices = services => services.AddSingleton<ILogger<InterruptedSwitch>>(log).AddSingleton<ILogger<SwitchHistory>>(historyLog);
        _plane.Units[SlotName.Green].Runs();

        await _plane.StartAsync();

        Assert.Equal(SlotName.Blue, _plane.Slots.Active.Name);
        Assert.Equal(["start blue", "stop green"], _plane.Units.Calls); // the candidate of a switch that is not known is no reason to keep green
        Assert.Contains(log.All, line => line.Id == 362 && line.Text.Contains("switch.json", StringComparison.Ordinal));
        Assert.Contains(historyLog.All, line => line.Id == 402 && line.Text.StartsWith("1 switches", StringComparison.Ordinal));
        Assert.Equal(3, _plane.Get<SwitchHistory>().Recent.Count);
        _plane.Get<MaintenanceGate>().Open();
        for (var i = 0; i < SwitchHistory.Capacity - 4; i++)
        {
            _plane.Get<SwitchHistory>().Add(_plane.Get<SwitchHistory>().Recent[0] with { Id = $"{i}" });
        }

        await _plane.StopAsync();
        File.AppendAllText(history, "torn"); // the file is written anew
        await _plane.StartAsync();
        Assert.Equal(SwitchOutcome.Completed, (await _plane.SwitchAsync()).Outcome);
        Assert.DoesNotContain("torn", File.ReadAllText(history), StringComparison.Ordinal);
        Assert.Contains(later, File.ReadLines(history));
    }

    public ValueTask DisposeAsync() => _plane.DisposeAsync();

    private async Task AssertTakenUpAsync()
    {
        _plane.Units[SlotName.Green].Runs();
        await _plane.StartAsync();

        Assert.Equal(SlotName.Blue, _plane.Slots.Active.Name);
        Assert.Equal(["start blue", "stop green"], _plane.Units.Calls);
        var active = _plane.Get<ActiveSlotRecord>().Current!;
        Assert.Equal(("g7h8i9", "d4e5f6", "20261123-151147-26a2"), (active.LabelOf(SlotName.Blue), active.LabelOf(SlotName.Green), active.Switch));
        var gate = _plane.Get<MaintenanceGate>();
        Assert.Equal((TimeSpan.FromSeconds(45), "Back at noon, 中午回来"), (gate.Pause!.MaxWait, gate.Maintenance!.Message));
        var history = _plane.Get<SwitchHistory>().Recent;
        Assert.Equal(
            ["g7h8i9 CompletedWithWarnings", "d4e5f6 Completed", " Completed", "a1b2c3 Completed"], history.Select(each => $"{each.Label} {each.Outcome}"));
        Assert.Contains("EdgeProxy ended in Observe", history[0].Reason, StringComparison.Ordinal);
        Assert.Equal(7, history[1].Phases.Count);
        Assert.False(File.Exists(_plane.StateFile(SwitchCheckpointFile.FileName)));
        await AssertCertificatesAsync(new CertificateStore(_plane.Get<StateDirectory>()));
        Assert.True(AdminToken.Load(_plane.StateFile("admin.token"), new LogLines<AdminToken>()).Matches("EZ9HtJiQjJrPtluGXOEZLeXaQk9RvSe_8T48bx_ibY0"));
    }

    /// <summary>Nothing is ordered again, and no account registered.</summary>
    private static async Task AssertCertificatesAsync(CertificateStore store)
    {
        var account = store.ReadAccount(_authority).Value!;
        Assert.Equal(("https://acme-v02.api.letsencrypt.org/acme/acct/1", "ops@example.com"), (account.Url!.AbsoluteUri, account.Email));
        using var key = AcmeKey.FromPem(account.Key);
        var certificate = store.ReadCertificate("shop.example.com").Value!;
        Assert.Equal(_authority, certificate.Directory);
        Assert.Contains("shop.example.com", ServingCertificate.FromPem(certificate.Pem, certificate.Pem).Names);
        var order = (await store.ReadOrderAsync("www.example.com", TestContext.Current.CancellationToken)).Value!;
        Assert.Equal("https://acme-v02.api.letsencrypt.org/acme/order/1/2", order.Url.AbsoluteUri);
    }

    private void Copy(string version)
    {
        var from = Path.Combine(_golden, version);
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var to = Path.Combine(_plane.StatePath, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }
    }
}
