using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;
using System.Text.Json;
using EdgeProxy.Api;
using EdgeProxy.Common;

namespace EdgeProxy.Cli;

/// <summary><c>--wait-lock</c>: waits while another switch runs, instead of being refused.</summary>
internal sealed class LockWait(AdminClient client, TextWriter error, TimeSpan patience, TimeProvider time)
{
    private static readonly TimeSpan _default = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(500);

    private readonly long _started = time.GetTimestamp();
    private string? _told;

    private bool HasTimeLeft => time.GetElapsedTime(_started) < patience;

    public static Option<TimeSpan?> CreateOption() => new("--wait-lock")
    {
        Description = $"Wait while another switch runs, for at most this long (without a value {_default.TotalMinutes:0}m), instead of being refused",
        HelpName = "duration",
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = Parse,
    };

    /// <summary>Waits, asks, and waits again where another one was quicker; what is refused when the time is over is reported.</summary>
    public async Task<int> RunAsync(SwitchFollower follower, Func<CancellationToken, Task<int>> ask, CancellationToken cancellationToken)
    {
        while (true)
        {
            await WaitAsync(cancellationToken);
            follower.IsSilentWhenBusy = HasTimeLeft;
            var code = await ask(cancellationToken);
            if (!follower.WasBusy || !follower.IsSilentWhenBusy)
            {
                return code;
            }

            await Task.Delay(_look, time, cancellationToken);
        }
    }

    /// <summary>Returns when no switch runs, or the time is over.</summary>
    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        while (HasTimeLeft && await FindRunningAsync(cancellationToken) is { } running)
        {
            var id = JsonText.Of(running, "id");
            if (id != _told)
            {
                _told = id;
                await error.WriteLineAsync($"edgeproxy: waits for switch {PrintableText.Of(id)} to {PrintableText.Of(JsonText.Of(running, "to"))}");
            }

            await Task.Delay(_look, time, cancellationToken);
        }
    }

    private static TimeSpan? Parse(ArgumentResult result)
    {
        if (result.Tokens.Count == 0)
        {
            return _default;
        }

        if (!Duration.TryParse(result.Tokens[0].Value, out var duration))
        {
            result.AddError($"'{result.Tokens[0].Value}' is not a duration; write {Duration.Allowed}");
        }

        return duration;
    }

    private async Task<JsonElement?> FindRunningAsync(CancellationToken cancellationToken)
    {
        var response = await client.GetAsync(client.Of(AdminApi.Status), cancellationToken);
        if (response.Status != HttpStatusCode.OK)
        {
            throw client.Refusal(response);
        }

        return JsonText.Get(JsonText.ReadObject(response.Body), "switch") is { ValueKind: JsonValueKind.Object } running ? running : null;
    }
}
