using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EdgeProxy.Notify;
using EdgeProxy.Processes;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.WebUtilities;

namespace EdgeProxy.Tests.Notify;

/// <summary>What the receivers of chat systems get, and what their responses mean.</summary>
public sealed class NotifyFormatTests : IDisposable
{
    private readonly CommandRunner _runner = new(TimeProvider.System);
    private readonly TemporaryDirectory _directory = new();
    private readonly NotifyMessage _message = new()
    {
        Id = "switch-app-1",
        Event = NotifyEvent.RolledBack,
        Time = DateTimeOffset.UnixEpoch,
        Host = "vps",
        Title = "EdgeProxy vps: app: rolled back to blue, <!channel> & \"more\"",
        Text = "Observe: 7 of 20 requests failed.",
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _runner.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task Slack_gets_a_text_in_which_a_label_calls_nobody()
    {
        var (problem, body) = await SendAsync(NotifyFormat.Slack, "ok");

        Assert.Null(problem);
        Assert.Equal(
            "EdgeProxy vps: app: rolled back to blue, &lt;!channel&gt; &amp; \"more\"\nObserve: 7 of 20 requests failed.",
            body.RootElement.GetProperty("text").GetString());
        Assert.Single(body.RootElement.EnumerateObject());
    }

    [Theory]
    [InlineData("DingTalk")]
    [InlineData("WeCom")]
    public async Task Robots_get_a_text_and_say_in_their_response_whether_they_took_it(string name)
    {
        var format = Enum.Parse<NotifyFormat>(name);
        var (problem, body) = await SendAsync(format, """{"errcode":0,"errmsg":"ok"}""");
        Assert.Null(problem);
        Assert.Equal("text", body.RootElement.GetProperty("msgtype").GetString());
        Assert.Equal($"{_message.Title}\n{_message.Text}", body.RootElement.GetProperty("text").GetProperty("content").GetString());

        Assert.Equal("it responded with errcode 310000: sign not match", (await SendAsync(format, """{"errcode":310000,"errmsg":"sign not match"}""")).Problem);
        Assert.Equal("its response is no JSON", (await SendAsync(format, "<html>")).Problem);
    }

    [Fact]
    public async Task A_robot_of_DingTalk_is_signed_in_its_URL()
    {
        await File.WriteAllTextAsync(_directory["secret"], "SEC0123456789", Cancellation);
        await using var receiver = await Receiver.StartAsync(port: 0, """{"errcode":0}""");
        using var delivery = new NotifyDelivery(_runner, TimeProvider.System);

        var options = new ReceiverOptions
        {
            Url = $"{receiver.Address}/robot/send?access_token=t",
            Format = NotifyFormat.DingTalk,
            SecretFile = _directory["secret"],
        };
        Assert.Null(await delivery.SendAsync(options, _message, Cancellation));

        var query = QueryHelpers.ParseQuery(new Uri($"http://x{(await receiver.NextAsync()).Target}").Query);
        Assert.Equal("t", query["access_token"]);
        var timestamp = query["timestamp"].ToString();
        Assert.InRange(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() - long.Parse(timestamp, CultureInfo.InvariantCulture), 0, 60_000);
        var expected = HMACSHA256.HashData(Encoding.UTF8.GetBytes("SEC0123456789"), Encoding.UTF8.GetBytes($"{timestamp}\nSEC0123456789"));
        Assert.Equal(Convert.ToBase64String(expected), query["sign"]);
    }

    [Fact]
    public void A_long_text_is_cut_at_a_character()
    {
        var body = NotifyBodies.Of(NotifyFormat.WeCom, _message with { Text = new string('钉', 3000) });

        using var json = JsonDocument.Parse(body);
        var content = json.RootElement.GetProperty("text").GetProperty("content").GetString()!;
        Assert.InRange(Encoding.UTF8.GetByteCount(content), 1900, 2048);
        Assert.EndsWith("钉 ...", content, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_problem_does_not_tell_the_URL()
    {
        using var delivery = new NotifyDelivery(_runner, TimeProvider.System);
        var problem = await delivery.SendAsync(new() { Url = $"http://127.0.0.1:{Backend.FreePort()}/secret-token" }, _message, Cancellation);

        Assert.Contains("Connection refused", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-token", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_receiver_has_its_time()
    {
        await using var silent = await Backend.StartAsync(context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        using var delivery = new NotifyDelivery(_runner, TimeProvider.System);

        Assert.Equal(
            "it did not respond within 0.2 s",
            await delivery.SendAsync(new() { Url = silent.Address, Timeout = TimeSpan.FromMilliseconds(200) }, _message, Cancellation).Within());
    }

    private async Task<(string? Problem, JsonDocument Body)> SendAsync(NotifyFormat format, string response)
    {
        await using var receiver = await Receiver.StartAsync(port: 0, response);
        using var delivery = new NotifyDelivery(_runner, TimeProvider.System);
        var problem = await delivery.SendAsync(new() { Url = receiver.Address, Format = format }, _message, Cancellation).Within();
        return (problem, JsonDocument.Parse((await receiver.NextAsync()).Body));
    }
}
