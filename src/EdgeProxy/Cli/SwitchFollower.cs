using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;
using EdgeProxy.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using Spectre.Console;

namespace EdgeProxy.Cli;

/// <summary>Asks for a switch or a rollback, and tells how it goes until it has ended.</summary>
internal sealed class SwitchFollower(AdminClient client, SwitchReport report, ISwitchProgress progress)
{
    /// <summary>Shows progress as it suits where it goes to.</summary>
    public static SwitchFollower Create(System.CommandLine.ParseResult parsed, AdminClient client)
    {
        var (output, time) = (parsed.InvocationConfiguration.Output, TimeProvider.System);
        var report = new SwitchReport(output, parsed.InvocationConfiguration.Error, parsed.GetValue(EdgeProxyCommand.Json), time);
        return new SwitchFollower(client, report, parsed.GetValue(EdgeProxyCommand.Json) ? new NoProgress()
            : Terminal(output) is { } terminal ? new LiveProgress(terminal, token => ReadInFlightAsync(client, token), time)
            : new PlainProgress(report));
    }

    /// <summary>Asks, and does not wait for the end.</summary>
    public async Task<int> BeginAsync(Func<CancellationToken, Task<AdminAnswer>> ask, CancellationToken cancellationToken)
    {
        var answer = await ask(cancellationToken);
        if (answer.Status != HttpStatusCode.Accepted)
        {
            return Refused(answer);
        }

        report.Begun(answer.Read(ApiJson.Default.Switch));
        return ExitCode.Done;
    }

    /// <summary>Listens first, so that no phase is missed; the switch itself does not depend on this connection.</summary>
    public async Task<int> FollowAsync(Func<CancellationToken, Task<AdminAnswer>> ask, CancellationToken cancellationToken)
    {
        var events = await client.ListenAsync(cancellationToken);
        var answer = await ask(cancellationToken);
        if (answer.Status != HttpStatusCode.Accepted)
        {
            return Refused(answer);
        }

        var begun = answer.Read(ApiJson.Default.Switch);
        var ended = await ShowAsync(events, begun, cancellationToken);
        report.Ended(ended);
        // One that had begun before we asked was called back: then its rollback is what was wanted.
        return begun.Phases.Count > 0 && ended.Outcome == SwitchOutcome.RolledBack ? ExitCode.Done : ExitCode.Of(ended.Outcome!.Value);
    }

    private async Task<Switch> ShowAsync(IAsyncEnumerable<SseItem<string>> events, Switch begun, CancellationToken cancellationToken)
    {
        progress.Begun(begun);
        try
        {
            return await EndAsync(events, begun, cancellationToken);
        }
        finally
        {
            await progress.EndAsync(); // also before an error is printed
        }
    }

    private async Task<Switch> EndAsync(IAsyncEnumerable<SseItem<string>> events, Switch begun, CancellationToken cancellationToken)
    {
        await foreach (var @event in events.WithCancellation(cancellationToken))
        {
            // One switch runs at a time, and ours has begun: every phase is ours.
            if (@event.EventType == "phase" && JsonSerializer.Deserialize(@event.Data, ApiJson.Default.PhaseRun) is { } phase)
            {
                progress.Phase(phase);
            }
            else if (@event.EventType == "probe" && JsonSerializer.Deserialize(@event.Data, ApiJson.Default.ProbeEvent) is { } probe && probe.Slot == begun.To)
            {
                progress.Probed(probe);
            }
            else if (@event.EventType == "switch"
                && JsonSerializer.Deserialize(@event.Data, ApiJson.Default.Switch) is { Outcome: not null } ended && ended.Id == begun.Id)
            {
                return ended;
            }
        }

        // The proxy closed the stream: it stopped, or this client was too slow.
        var answer = await client.GetAsync($"switches/{begun.Id}", cancellationToken);
        return answer.Status == HttpStatusCode.OK && answer.Read(ApiJson.Default.Switch) is { Outcome: not null } last
            ? last
            : throw new AdminUnreachableException($"the proxy stopped telling how switch {begun.Id} goes on; 'edgeproxy status' shows where traffic is");
    }

    private int Refused(AdminAnswer answer)
    {
        // The body of a conflict is the switch that runs.
        if (answer.Status == HttpStatusCode.Conflict && answer.Body.Contains("\"startedAt\"", StringComparison.Ordinal))
        {
            report.Busy(answer.Read(ApiJson.Default.Switch));
            return ExitCode.Refused;
        }

        if (answer.Status == HttpStatusCode.UnprocessableEntity && answer.Body.Contains("\"from\"", StringComparison.Ordinal))
        {
            report.NotPossible(answer.Read(ApiJson.Default.RefusedOrder), answer.Body);
            return ExitCode.Refused;
        }

        throw client.Refusal(answer);
    }

    /// <returns>Null: a pipe, a file, or a terminal that cannot move its cursor.</returns>
    private static IAnsiConsole? Terminal(TextWriter output)
    {
        if (!ReferenceEquals(output, Console.Out) || Console.IsOutputRedirected)
        {
            return null;
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings()); // obeys NO_COLOR and TERM
        return console.Profile.Capabilities.Ansi ? console : null;
    }

    private static async Task<string?> ReadInFlightAsync(AdminClient client, CancellationToken cancellationToken)
    {
        var answer = await client.GetAsync("status", cancellationToken);
        if (answer.Status != HttpStatusCode.OK)
        {
            return null;
        }

        using var status = JsonDocument.Parse(answer.Body);
        var root = status.RootElement;
        var draining = SlotNameExtensions.TryParse(root.GetProperty("active").GetString(), out var active) ? active.Other().ToKey() : "";
        var waiting = root.GetProperty("slots").GetProperty(draining).GetProperty("inFlight").EnumerateObject()
            .Where(@class => @class.Value.GetInt32() > 0).Select(@class => $"{@class.Value} {@class.Name}").ToList();
        return waiting.Count == 0 ? "none in flight" : $"{string.Join(", ", waiting)} in flight to {draining}";
    }
}

/// <summary>What is read of a switch that was refused: problem details, and the slot that is active.</summary>
internal sealed record RefusedOrder(string Detail, SlotName From);
