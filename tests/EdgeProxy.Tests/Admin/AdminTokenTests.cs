using System.Net;
using EdgeProxy.Admin;
using EdgeProxy.Slots;
using EdgeProxy.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace EdgeProxy.Tests.Admin;

public sealed class AdminTokenTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string TokenFile => _directory["state/admin.token"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void The_first_start_makes_it_and_the_next_one_keeps_it()
    {
        var first = Load();
        var made = File.ReadAllText(TokenFile).Trim();
        Assert.Null(first.Problem);
        Assert.Matches("^[A-Za-z0-9_-]{43}$", made);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(TokenFile));
        Assert.Equal([TokenFile], Directory.GetFiles(Path.GetDirectoryName(TokenFile)!));

        var second = Load();
        Assert.Equal(made, File.ReadAllText(TokenFile).Trim());
        Assert.True(first.Matches(made));
        Assert.True(second.Matches(made));
    }

    [Fact]
    public void Only_the_whole_token_matches()
    {
        var token = Load();
        var right = File.ReadAllText(TokenFile).Trim();
        Assert.False(token.Matches(""));
        Assert.False(token.Matches(right.AsSpan(..^1)));
        Assert.False(token.Matches(right + "A"));
        Assert.False(token.Matches(right.ToUpperInvariant()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("short\n")]
    public void A_file_without_a_real_token_lets_nobody_in(string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(TokenFile)!);
        File.WriteAllText(TokenFile, content);
        var token = Load();
        Assert.Contains("holds no token", token.Problem, StringComparison.Ordinal);
        Assert.False(token.Matches(content.Trim()));
        Assert.Equal(content, File.ReadAllText(TokenFile));
    }

    [Fact]
    public async Task Without_a_token_the_port_refuses_to_write_and_all_else_goes_on()
    {
        File.WriteAllText(_directory["file"], "");
        await using var host = await AdminHost.StartAsync(host => host.Options.TokenFile = _directory["file/admin.token"]);

        using var refused = await host.ByPort.PostAsync("/switch", null, Cancellation);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Contains("admin.token", (string?)(await AdminHost.ReadJsonAsync(refused))["detail"], StringComparison.Ordinal);
        using var read = await host.ByPort.GetAsync("/status", Cancellation);
        Assert.Equal(HttpStatusCode.OK, read.StatusCode);
        using var bySocket = await host.BySocket.PostAsync("/switch", null, Cancellation);
        Assert.Equal(HttpStatusCode.OK, bySocket.StatusCode);
        Assert.Equal(SlotName.Green, host.Plane.Slots.Active.Name);
    }

    [Fact]
    public async Task With_TokenForReads_nothing_is_read_without_it()
    {
        await using var host = await AdminHost.StartAsync(host => (host.Options.TokenForReads, host.Options.Url) = (true, "http://0.0.0.0:0"));
        var port = host.ByPort.BaseAddress!.Port;
        using var remote = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        remote.DefaultRequestHeaders.Host = "vps.example.com"; // as another machine calls it

        foreach (var path in new[] { "/status", "/switches", "/health", "/events", "/livez", "/readyz", "/nothing" })
        {
            using var refused = await remote.GetAsync(path, Cancellation);
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        }

        using var allowed = await remote.SendAsync(host.WithToken(HttpMethod.Get, "/status"), Cancellation);
        Assert.Equal(HttpStatusCode.OK, allowed.StatusCode);
    }

    private AdminToken Load() => AdminToken.Load(TokenFile, NullLogger<AdminToken>.Instance);
}
