using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying.Hostile;

/// <summary>A proxy and an app that records what reaches it, for the rows of one table, which run one after the other.</summary>
public sealed class HostileSite : IAsyncLifetime
{
    private const string Next = "GET /next HTTP/1.1\r\nHost: api.example.com\r\n\r\n";

    private readonly RecordingApp _app = new();
    private DataPlane? _proxy;

    internal DataPlane Proxy => _proxy!;

    public async ValueTask InitializeAsync() => _proxy = await DataPlane.StartAsync(_app.Address, "http://127.0.0.1:1");

    public async ValueTask DisposeAsync()
    {
        await _proxy!.DisposeAsync();
        await _app.DisposeAsync();
    }

    /// <summary>
    /// Sends the row and compares. Then the connection, where it is still open, must respond to the next request in its own right (were a byte
    /// of the row left over, it would respond to another one), and a plain request on a new connection must succeed.
    /// </summary>
    internal async Task RunAsync(HostileCase row)
    {
        _ = (_app.Take(), _app.TakeFaults()); // of a row that failed
        using (var client = await RawClient.ConnectAsync(_proxy!))
        {
            await client.SendAsync(row.Bytes);
            if (row.HalfCloses)
            {
                client.CloseSending();
            }

            Assert.Equal(row.Response, await RespondsAsync(client, row.Response));
        }

        // On a connection of its own, behind all others.
        using (var plain = await _proxy!.Client.PostAsync("/plain", null, TestContext.Current.CancellationToken))
        {
            Assert.Equal("POST /plain ", await plain.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }

        await Eventually.TrueAsync(
            () => _proxy.Slots.Active.InFlight.Total == 0 && _app.Open == _proxy.Connections.Open(SlotName.Blue), "the app has heard all there is to hear");
        var seen = _app.Take().Where(request => request.Target is not ("/next" or "/plain")).ToList();
        Assert.Equal(row.Seen, seen.Select(request => request.ToString()));
        Assert.All(_app.TakeFaults(), fault => Assert.True(row.BreaksOff && fault.StartsWith("broken off", StringComparison.Ordinal), fault));
        seen.ForEach(request => row.Check?.Invoke(request));
    }

    /// <param name="expected">Only for how many responses to wait.</param>
    private static async Task<string> RespondsAsync(RawClient client, string expected)
    {
        var words = new List<string>();
        var closes = false;
        for (var left = expected.Split(' ').Length - 1; left > 0 && !closes && await client.ReadResponseAsync() is { } response; left--)
        {
            words.Add($"{response.Status}{(response.IsWhole ? "" : " cut")}");
            closes = response.Closes;
        }

        words.Add(await IsOpenAsync(client, closes) ? "open" : "closed");
        return string.Join(' ', words);
    }

    /// <returns>False: it was closed, without a further byte.</returns>
    private static async Task<bool> IsOpenAsync(RawClient client, bool closes)
    {
        if (!closes)
        {
            await client.SendAsync(Next);
            if (await client.ReadResponseAsync() is { } response)
            {
                Assert.Equal((200, "GET /next "), (response.Status, response.Body));
                return true;
            }
        }

        Assert.Equal("", await client.ReadToEndAsync());
        return false;
    }
}
