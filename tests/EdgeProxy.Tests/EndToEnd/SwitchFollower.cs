using System.Text.Json;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>Reads <c>GET /events</c>, so that a test can act while a switch is in a phase.</summary>
public sealed class SwitchFollower : IDisposable
{
    private readonly StreamReader _events;

    /// <summary>For the next event: a phase may take as long as a boot of the app.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    private SwitchFollower(Stream events) => _events = new StreamReader(events);

    /// <summary>Follows from now on: what begins after this is not missed.</summary>
    public static async Task<SwitchFollower> FollowAsync(Vps vps)
    {
        var follower = new SwitchFollower(await vps.Admin.GetStreamAsync("/events", TestContext.Current.CancellationToken));
        Assert.StartsWith(":", await follower.ReadAsync(), StringComparison.Ordinal); // the greeting of a subscription that is in place
        return follower;
    }

    /// <summary>Returns as soon as the phase has begun. Phases come in order: ask for them in that order.</summary>
    public async Task BeginsAsync(SwitchPhase phase)
    {
        while (true)
        {
            if (await ReadAsync() == "event: phase" && await ReadAsync() is var data && NameOf(data) == phase.ToString())
            {
                return;
            }
        }

        static string? NameOf(string data)
        {
            using var json = JsonDocument.Parse(data["data: ".Length..]);
            return json.RootElement.GetProperty("phase").GetString();
        }
    }

    public void Dispose() => _events.Dispose();

    private async Task<string> ReadAsync()
    {
        var line = await _events.ReadLineAsync(TestContext.Current.CancellationToken).Within(_patience);
        Assert.True(line is not null, "the events ended before the phase began");
        return line;
    }
}
