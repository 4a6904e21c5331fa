using System.Text.Json;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>One deploy's story, asked of the real journald by the real journalctl.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class JournalFieldsTests
{
    [Fact]
    public async Task The_journal_tells_the_story_of_one_switch_by_its_id()
    {
        Assert.SkipWhen(SystemdLab.SkipReason is not null, SystemdLab.SkipReason ?? "");
        await using var vps = await Vps.StartAsync();
        var (_, first) = await vps.SwitchAsync("""{"label":"first"}""");
        var (_, second) = await vps.SwitchAsync("""{"label":"second"}""");
        Assert.All([first, second], each => Assert.True(each.Outcome() == "Completed", each.GetRawText()));
        var id = second.GetProperty("id").GetString()!;

        var story = await EntriesAsync(vps, $"SWITCH_ID={id}");

        Assert.All(story, entry => Assert.Contains("edgeproxy", Field(entry, "_SYSTEMD_UNIT"), StringComparison.Ordinal));
        Assert.StartsWith($"Switch {id} from", Field(story[0], "MESSAGE"), StringComparison.Ordinal);
        Assert.Equal(("blue", "second"), (Field(story[0], "TO"), Field(story[0], "LABEL")));
        Assert.Contains("ended Completed", Field(story[^1], "MESSAGE"), StringComparison.Ordinal);
        Assert.Equal("Completed", Field(story[^1], "OUTCOME"));
        var phases = second.GetProperty("phases").EnumerateArray().Select(phase => phase.GetProperty("phase").GetString()!).ToHashSet();
        Assert.Superset(new HashSet<string> { "StartIdle", "Probe", "Flip", "Drain", "StopOld" }, phases);
        Assert.Superset(phases, story.Select(entry => Field(entry, "PHASE")).ToHashSet());

        var flip = Assert.Single(await EntriesAsync(vps, $"SWITCH_ID={id}", "PHASE=Flip", "SLOT=blue"));
        Assert.Equal("6", Field(flip, "PRIORITY"));
        Assert.Empty(await EntriesAsync(vps, "SWITCH_ID=no-such-switch"));

        _ = (await vps.Lab.RunAsync("systemctl", "reload", Vps.Proxy)).Text;
        await Eventually.TrueAsync(async () => (await EntriesAsync(vps, "EVENT_ID=722")).Count == 1, "the reload is in the journal: nothing has changed");
    }

    private static async Task<List<JsonElement>> EntriesAsync(Vps vps, params string[] fields)
    {
        var output = (await vps.Lab.RunAsync(["journalctl", "--unit", Vps.Proxy, "--output", "json", "--no-pager", "--quiet", .. fields])).Text;
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }

    private static string Field(JsonElement entry, string name) => entry.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";
}
