using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EdgeProxy.Notify;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace EdgeProxy.Tests.Notify;

/// <summary>What happens to an app is told to real receivers, whatever they do.</summary>
public sealed class NotifyTests : IAsyncDisposable
{
    private const string Secret = "correct horse battery";

    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 30, 12, 0, 0, TimeSpan.Zero));
    private readonly ControlPlane _plane = new();
    private readonly TemporaryDirectory _directory = new();
    private readonly NotifyOptions _options = new() { Receivers = [] };

    public NotifyTests() => _plane.ConfigureServices = services =>
    {
        services.AddSingleton<CertificateStatusRegistry>();
        services.AddNotify(_options);
        services.AddSingleton(provider => new NotifyDelivery(provider.GetRequiredService<EdgeProxy.Processes.CommandRunner>(), TimeProvider.System));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<NotifyQueue>(provider, (TimeProvider)_clock));
        services.Remove(services.Single(service => service.ImplementationType == typeof(NotifyService)));
        services.AddHostedService(provider => ActivatorUtilities.CreateInstance<ClockedService>(provider, (TimeProvider)_clock));
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string QueueFile => _plane.StateFile(NotifyQueue.FileName);

    [Fact]
    public async Task A_message_is_signed_as_Standard_Webhooks_want_it()
    {
        await using var receiver = await Receiver.StartAsync();
        await File.WriteAllTextAsync(_directory["secret"], $"whsec_{Convert.ToBase64String(Encoding.UTF8.GetBytes(Secret))}\n", Cancellation);
        _options.Receivers!["ops"] = new() { Url = $"{receiver.Address}/hook?team=1", SecretFile = _directory["secret"] };
        await _plane.StartAsync();

        var ended = await _plane.SwitchAsync(new(Label: "a1b2c3"));

        var seen = await receiver.NextAsync();
        Assert.Equal(("POST", "/hook?team=1", "application/json; charset=utf-8"), (seen.Method, seen.Target, seen.ContentType));
        var (id, timestamp) = (seen.Headers["webhook-id"].ToString(), seen.Headers["webhook-timestamp"].ToString());
        Assert.InRange(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() - long.Parse(timestamp, System.Globalization.CultureInfo.InvariantCulture), 0, 60);
        var signed = Encoding.UTF8.GetBytes($"{id}.{timestamp}.{seen.Body}");
        Assert.Equal($"v1,{Convert.ToBase64String(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), signed))}", seen.Headers["webhook-signature"]);
        using var body = JsonDocument.Parse(seen.Body);
        Assert.Equal(("SwitchEnded", "app", id), (Text(body, "event"), Text(body, "app"), Text(body, "id")));
        Assert.Equal($"EdgeProxy {Environment.MachineName}: app: traffic is on green, a1b2c3", Text(body, "title"));
        var told = body.RootElement.GetProperty("switch");
        Assert.Equal(
            (ended.Id, "blue", "green", "a1b2c3", "Completed"),
            (Text(told, "id"), Text(told, "from"), Text(told, "to"), Text(told, "label"), Text(told, "outcome")));
        await EmptiesAsync();
    }

    [Fact]
    public async Task A_receiver_that_fails_is_tried_again_with_growing_waits_and_the_same_id()
    {
        await using var receiver = await Receiver.StartAsync(500, 302, 200);
        _options.Receivers!["ops"] = new() { Url = receiver.Address };
        await _plane.StartAsync();

        await _plane.SwitchAsync();
        var first = await receiver.NextAsync();
        await WaitsAsync(tries: 1);
        _clock.Advance(NotifyService.BackOff[0] - TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, receiver.Count);
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        var second = await receiver.NextAsync();
        await WaitsAsync(tries: 2);
        _clock.Advance(NotifyService.BackOff[1]);
        var third = await receiver.NextAsync();
        await EmptiesAsync();

        Assert.Equal([first.Body, first.Body], [second.Body, third.Body]);
        Assert.Equal([first.Headers["webhook-id"], first.Headers["webhook-id"]], [second.Headers["webhook-id"], third.Headers["webhook-id"]]);
        Assert.Equal(3, receiver.Count); // the redirect was not followed
    }

    [Fact]
    public async Task After_five_tries_it_is_given_up()
    {
        _options.Receivers!["closed"] = new() { Url = $"http://127.0.0.1:{Backend.FreePort()}/" };
        await _plane.StartAsync();

        await _plane.SwitchAsync();
        for (var tries = 1; tries <= NotifyService.BackOff.Length; tries++)
        {
            await WaitsAsync(tries);
            // Little by little: the loop may have looked at the clock, and begin to wait when it has been advanced.
            await Eventually.TrueAsync(
                async () =>
                {
                    _clock.Advance(NotifyService.BackOff[tries - 1] / 10);
                    return await PendingAsync() is not [{ Tries: var tried }] || tried > tries;
                },
                "it is tried again");
        }

        await EmptiesAsync();
    }

    [Fact]
    public async Task A_receiver_that_does_not_respond_delays_neither_switches_nor_other_receivers()
    {
        await using var silent = await Backend.StartAsync(context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        await using var receiver = await Receiver.StartAsync();
        _options.Receivers!["silent"] = new() { Url = silent.Address, Timeout = TimeSpan.FromSeconds(60) };
        _options.Receivers["ops"] = new() { Url = receiver.Address };
        await _plane.StartAsync();

        var first = await _plane.SwitchAsync();
        var second = await _plane.SwitchAsync();

        Assert.Equal((SwitchOutcome.Completed, SwitchOutcome.Completed), (first.Outcome, second.Outcome));
        await receiver.NextAsync();
        await receiver.NextAsync();
        await Eventually.TrueAsync(async () => (await PendingAsync()).All(pending => pending.Receiver == "silent"), "only the silent one waits");
    }

    [Fact]
    public async Task What_is_not_delivered_is_delivered_by_the_next_process()
    {
        var port = Backend.FreePort();
        _options.Receivers!["ops"] = new() { Url = $"http://127.0.0.1:{port}/" };
        await _plane.StartAsync();
        var ended = await _plane.SwitchAsync();
        await WaitsAsync(tries: 1);

        await _plane.StopAsync();
        await using var receiver = await Receiver.StartAsync(port);
        _clock.Advance(NotifyService.BackOff[0]);
        await _plane.StartAsync();

        Assert.Contains(ended.Id, (await receiver.NextAsync()).Body, StringComparison.Ordinal);
        await EmptiesAsync();
    }

    [Fact]
    public async Task What_is_not_whole_in_the_file_is_left_out_and_the_rest_is_told()
    {
        await using var receiver = await Receiver.StartAsync();
        _options.Receivers!["ops"] = new() { Url = receiver.Address };
        var message = new NotifyMessage { Id = "whole", Event = NotifyEvent.SwitchEnded, Time = _clock.GetUtcNow(), Host = "a", Title = "still told" };
        var kept = new PendingMessages { Version = 1, Pending = [new("ops", message, Tries: 1, _clock.GetUtcNow())] };
        var whole = JsonSerializer.Serialize(kept, NotifyJson.Default.PendingMessages);
        string[] broken = ["null", """{ "receiver": null }""", """{ "receiver": "ops", "message": null }"""];
        var changed = whole.Replace("\"pending\":[", $"\"pending\":[{string.Join(", ", broken)},", StringComparison.Ordinal);
        Assert.NotEqual(whole, changed);
        await File.WriteAllTextAsync(QueueFile, changed, Cancellation);

        await _plane.StartAsync();

        Assert.Contains("still told", (await receiver.NextAsync()).Body, StringComparison.Ordinal);
        await EmptiesAsync();
    }

    [Fact]
    public async Task A_file_without_a_list_keeps_nothing_from_starting()
    {
        _options.Receivers!["ops"] = new() { Url = "http://127.0.0.1:9/" };
        await File.WriteAllTextAsync(QueueFile, """{ "version": 1, "pending": null }""", Cancellation);

        await _plane.StartAsync();

        Assert.Equal(0, _plane.Get<NotifyQueue>().Count("ops"));
    }

    [Fact]
    public async Task What_a_wrong_clock_has_put_off_is_due()
    {
        await using var receiver = await Receiver.StartAsync();
        _options.Receivers!["ops"] = new() { Url = receiver.Address };
        var message = new NotifyMessage { Id = "old", Event = NotifyEvent.SwitchEnded, Time = _clock.GetUtcNow(), Host = "a", Title = "put off" };
        var kept = new PendingMessages { Version = 1, Pending = [new("ops", message, Tries: 1, _clock.GetUtcNow().AddYears(20))] };
        await File.WriteAllBytesAsync(QueueFile, JsonSerializer.SerializeToUtf8Bytes(kept, NotifyJson.Default.PendingMessages), Cancellation);

        await _plane.StartAsync();

        Assert.Contains("put off", (await receiver.NextAsync()).Body, StringComparison.Ordinal);
        await EmptiesAsync();
    }

    [Theory]
    [InlineData("without an end")]
    [InlineData("long")]
    public async Task A_message_is_taken_when_the_status_says_so_whatever_the_body_is(string body)
    {
        var count = 0;
        await using var receiver = await Backend.StartAsync(async context =>
        {
            Interlocked.Increment(ref count);
            await context.Response.Body.WriteAsync(new byte[body == "long" ? 1_000_000 : 10], context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await (body == "long" ? Task.CompletedTask : Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        });
        _options.Receivers!["ops"] = new() { Url = receiver.Address, Timeout = TimeSpan.FromSeconds(5) };
        await _plane.StartAsync();

        await _plane.SwitchAsync();

        await EmptiesAsync(); // the clock stands still: a second try would not come
        Assert.Equal(1, Volatile.Read(ref count));
    }

    [Fact]
    public async Task A_receiver_gets_the_events_that_it_wants()
    {
        await using var receiver = await Receiver.StartAsync();
        _options.Receivers!["ops"] = new() { Url = receiver.Address, Events = [NotifyEvent.UnitFailed, NotifyEvent.Rescued] };
        _plane.Options.Switch.Rescue = true;
        await _plane.StartAsync();
        await _plane.SwitchAsync();
        await _plane.SwitchAsync();

        await _plane.Blue.CloseAsync();
        _plane.Units[SlotName.Blue].Ends(EdgeProxy.Units.UnitState.Failed, "exit-code", 3);

        var (failed, rescued) = (await receiver.NextAsync(), await receiver.NextAsync());
        Assert.Contains("\"UnitFailed\"", failed.Body, StringComparison.Ordinal);
        Assert.Contains("app: the active slot blue is down", failed.Body, StringComparison.Ordinal);
        Assert.Contains("\"Rescued\"", rescued.Body, StringComparison.Ordinal);
        Assert.Equal(2, receiver.Count);
    }

    [Fact]
    public async Task A_command_is_given_the_title_and_the_text()
    {
        _options.Receivers!["mail"] = new()
        {
            Command = ["/bin/sh", "-c", "echo \"$2\" > $1.new; cat >> $1.new; mv $1.new $1", "mail", _directory["mail"], "{title}"],
        };
        await _plane.StartAsync();

        var ended = await _plane.SwitchAsync(new(Label: "$(touch /x)\nBcc: all"));

        await Eventually.TrueAsync(() => File.Exists(_directory["mail"]), "the mail is written");
        var title = $"EdgeProxy {Environment.MachineName}: app: traffic is on green, $(touch /x) Bcc: all";
        var mail = await File.ReadAllLinesAsync(_directory["mail"], Cancellation);
        Assert.Equal([title, title], mail[..2]);
        Assert.StartsWith($"Switch {ended.Id} from blue to green ended Completed after ", mail[2], StringComparison.Ordinal);
        await EmptiesAsync();
    }

    [Fact]
    public async Task Of_many_messages_for_a_broken_receiver_the_newest_are_kept()
    {
        _options.Receivers!["closed"] = new() { Url = $"http://127.0.0.1:{Backend.FreePort()}/" };
        await _plane.StartAsync();
        var notice = _plane.Get<IOperatorNotice>();

        for (var i = 0; i < NotifyQueue.Capacity + 20; i++)
        {
            notice.UnitFailed("app", new FailedActive(SlotName.Blue, DateTimeOffset.UnixEpoch.AddSeconds(i), $"failure {i}", RescueState.Off));
        }

        var kept = await PendingAsync();
        Assert.Equal(NotifyQueue.Capacity, kept.Count);
        Assert.Equal($"failure {NotifyQueue.Capacity + 19}", kept[^1].Message.Text);
    }

    [Fact]
    public async Task A_certificate_in_danger_is_told_once_a_day()
    {
        await using var receiver = await Receiver.StartAsync();
        _options.Receivers!["ops"] = new() { Url = receiver.Address };
        await _plane.StartAsync();
        var board = new CertificateStatusRegistry(new EdgeProxy.Diagnostics.EventHub(), _clock);
        var now = _clock.GetUtcNow();
        Set("good.example.com", days: 60, "nothing");
        Set("ends.example.com", days: 6, "the authority said no");
        board.Set(new() { Name = "new.example.com", Source = CertificateSource.Acme, Failures = 1, LastError = "first" });
        using var watch = new CertificateWatch(board, new Notifier(_plane.Get<NotifyQueue>(), _clock), _clock);
        await watch.StartAsync(Cancellation);

        await ToldAsync(times: 1);
        var told = _clock.GetUtcNow();
        var first = await receiver.NextAsync();
        _clock.Advance(TimeSpan.FromHours(23.9));
        await ToldAsync(times: 2);
        var second = await receiver.NextAsync();

        Assert.Contains("the certificate ends.example.com ends at 2026-12-06 12:00 UTC", first.Body, StringComparison.Ordinal);
        Assert.Contains("the authority said no", first.Body, StringComparison.Ordinal);
        Assert.Contains("ends.example.com", second.Body, StringComparison.Ordinal);
        Assert.InRange(_clock.GetUtcNow() - told, TimeSpan.FromDays(1) - TimeSpan.FromMinutes(1), TimeSpan.MaxValue);
        await watch.StopAsync(Cancellation);

        Task ToldAsync(int times) => Eventually.TrueAsync(
            () =>
            {
                _clock.Advance(TimeSpan.FromSeconds(1));
                return receiver.Count >= times;
            },
            $"it is told {times} times");

        void Set(string name, int days, string error) => board.Set(new()
        {
            Name = name,
            Source = CertificateSource.Acme,
            NotBefore = now.AddDays(days - 90),
            NotAfter = now.AddDays(days),
            LastError = error,
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _plane.DisposeAsync();
        _directory.Dispose();
    }

    private static string? Text(JsonDocument json, string name) => Text(json.RootElement, name);

    private static string? Text(JsonElement json, string name) => json.GetProperty(name).GetString();

    /// <summary>What the file has, as the next process would read it.</summary>
    private async Task<IReadOnlyList<PendingMessage>> PendingAsync() =>
        JsonSerializer.Deserialize(await File.ReadAllBytesAsync(QueueFile, Cancellation), NotifyJson.Default.PendingMessages)!.Pending;

    private Task WaitsAsync(int tries) =>
        Eventually.TrueAsync(async () => await PendingAsync() is [{ Tries: var tried }] && tried == tries, $"try {tries} has failed");

    private Task EmptiesAsync() => Eventually.TrueAsync(async () => (await PendingAsync()).Count == 0, "nothing is left to deliver");

    /// <summary>The product's loop, on the clock of the test.</summary>
    private sealed class ClockedService(
        NotifyOptions options,
        NotifyQueue queue,
        NotifyDelivery delivery,
        NotifyMetrics metrics,
        TimeProvider time,
        Microsoft.Extensions.Logging.ILogger<NotifyService> logger) : Microsoft.Extensions.Hosting.IHostedService
    {
        private readonly NotifyService _service = new(options, queue, delivery, metrics, time, logger);

        public Task StartAsync(CancellationToken cancellationToken) => _service.StartAsync(cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => _service.StopAsync(cancellationToken);
    }
}
