using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;
using EdgeProxy.Api;
using EdgeProxy.Common;
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
        var app = TrafficReport.OptionOf(client);
        var report = new SwitchReport(output, parsed.InvocationConfiguration.Error, parsed.GetValue(JsonOption.Json), time, app);
        return new SwitchFollower(client, report, parsed.GetValue(JsonOption.Json) ? new NoProgress()
            : Terminal(output) is { } terminal ? new LiveProgress(terminal, token => ReadInFlightAsync(client, token), time, app)
            : new PlainProgress(report, app));
    }

    /// <summary>Being refused for another switch that runs is not reported.</summary>
    public bool IsSilentWhenBusy { get; set; }

    /// <summary>The last time that was asked another switch ran.</summary>
    public bool WasBusy { get; private set; }

    /// <summary>Asks, and does not wait for the end.</summary>
    public async Task<int> BeginAsync(Func<CancellationToken, Task<AdminResponse>> ask, CancellationToken cancellationToken)
    {
        var response = await ask(cancellationToken);
        if (response.Status != HttpStatusCode.Accepted)
        {
            return Refused(response);
        }

        WasBusy = false;
        report.Begun(response.Read(SwitchingJson.Relaxed.Switch));
        return ExitCode.Done;
    }

    /// <summary>Listens first, so that no phase is missed; the switch itself does not depend on this connection.</summary>
    /// <param name="ask">Asks.</param>
    /// <param name="cancellationToken">Ends the telling.</param>
    /// <param name="wanted">How a switch that has begun before is to end; null: this begins one, or calls one back.</param>
    public async Task<int> FollowAsync(
        Func<CancellationToken, Task<AdminResponse>> ask, CancellationToken cancellationToken, IReadOnlyList<SwitchOutcome>? wanted = null)
    {
        var events = await client.ListenAsync(cancellationToken);
        var response = await ask(cancellationToken);
        if (response.Status != HttpStatusCode.Accepted)
        {
            return Refused(response);
        }

        WasBusy = false;
        var begun = response.Read(SwitchingJson.Relaxed.Switch);
        var ended = await ShowAsync(events, begun, cancellationToken);
        report.Ended(ended);
        if (wanted is not null)
        {
            return wanted.Contains(ended.Outcome!.Value) ? ExitCode.Done
                : ended.Outcome == SwitchOutcome.CompletedWithWarnings ? ExitCode.Warnings
                : ExitCode.Failed;
        }

        // One that had begun before we asked was called back: then its rollback is what was wanted.
        return begun.Phases.Count > 0 && ended.Outcome == SwitchOutcome.RolledBack ? ExitCode.Done : SwitchReport.ExitCodeOf(ended.Outcome!.Value);
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
            if (@event.EventType == EventNames.Phase && JsonSerializer.Deserialize(@event.Data, SwitchingJson.Relaxed.PhaseRun) is { } phase)
            {
                progress.Phase(phase);
            }
            else if (@event.EventType == EventNames.Probe
                && JsonSerializer.Deserialize(@event.Data, SwitchingJson.Relaxed.ProbeEvent) is { } probe
                && probe.Slot == begun.To)
            {
                progress.Probed(probe);
            }
            else if (@event.EventType == EventNames.Switch
                && JsonSerializer.Deserialize(@event.Data, SwitchingJson.Relaxed.Switch) is { Outcome: not null } ended && ended.Id == begun.Id)
            {
                return ended;
            }
        }

        // The proxy closed the stream: it stopped, or this client was too slow.
        var response = await client.GetAsync(client.Of(SwitchApi.SwitchOf(begun.Id)), cancellationToken);
        return response.Status == HttpStatusCode.OK && response.Read(SwitchingJson.Relaxed.Switch) is { Outcome: not null } last
            ? last
            : throw new AdminUnreachableException(
                $"the proxy stopped telling how switch {begun.Id} goes on; 'edgeproxy status{TrafficReport.OptionOf(client)}' shows where traffic is");
    }

    private int Refused(AdminResponse response)
    {
        // The body of a conflict is the switch that runs.
        WasBusy = response.Status == HttpStatusCode.Conflict && response.Body.Contains("\"startedAt\"", StringComparison.Ordinal);
        if (WasBusy)
        {
            if (!IsSilentWhenBusy)
            {
                report.Busy(response.Read(SwitchingJson.Relaxed.Switch));
            }

            return ExitCode.Refused;
        }

        if (response.Status == HttpStatusCode.UnprocessableEntity && response.Body.Contains("\"from\"", StringComparison.Ordinal))
        {
            // Only what is told is looked at: the proxy may be of another version.
            var refused = JsonText.ReadObject(response.Body);
            report.NotPossible(JsonText.Of(refused, "detail"), JsonText.Of(refused, "from"), response.Body);
            return ExitCode.Refused;
        }

        throw client.Refusal(response, isDecidedElsewhere: true);
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
        var response = await client.GetAsync(client.Of(AdminApi.Status), cancellationToken);
        if (response.Status != HttpStatusCode.OK)
        {
            return null;
        }

        using var status = JsonDocument.Parse(response.Body);
        var root = status.RootElement;
        var draining = SlotNameExtensions.TryParse(root.GetProperty("active").GetString(), out var active) ? active.Other().ToKey() : "";
        var waiting = root.GetProperty("slots").GetProperty(draining).GetProperty("inFlight").EnumerateObject()
            .Where(@class => @class.Value.GetInt32() > 0).Select(@class => $"{@class.Value} {@class.Name}").ToList();
        return waiting.Count == 0 ? "none in flight" : $"{string.Join(", ", waiting)} in flight to {draining}";
    }
}
