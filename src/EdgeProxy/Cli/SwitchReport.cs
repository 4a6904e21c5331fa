using System.Globalization;
using System.Text.Json;
using EdgeProxy.Common;
using EdgeProxy.Slots;
using EdgeProxy.Switching;

namespace EdgeProxy.Cli;

/// <summary>Tells a person how a switch ended: a line, and what went wrong on standard error.</summary>
/// <param name="output">For the line; with <paramref name="json"/> for the switch.</param>
/// <param name="error">For what went wrong.</param>
/// <param name="json">Print the switch as JSON when it has ended, and nothing else.</param>
/// <param name="time">The clock of the time stamps.</param>
/// <param name="app">The option that names the app, with a blank before it; empty: it is alone.</param>
internal sealed class SwitchReport(TextWriter output, TextWriter error, bool json, TimeProvider time, string app = "")
{
    private const int BodyStart = 200;

    public void Begun(Switch begun)
    {
        if (json)
        {
            WriteJson(begun);
            return;
        }

        Line($"switch {begun.Id} from {begun.From.ToKey()} to {begun.To.ToKey()} has begun; 'edgeproxy status{app}' shows how it goes");
    }

    public void Ended(Switch ended)
    {
        if (json)
        {
            WriteJson(ended);
            return;
        }

        Line($"{ended.Outcome}: {ended.From.ToKey()} -> {ended.To.ToKey()} in {Seconds(ended.Duration)}; traffic is on {TrafficOf(ended).ToKey()}");
        if (ended.Outcome != SwitchOutcome.Completed)
        {
            Explain(ended);
        }
    }

    public void Busy(Switch running)
    {
        if (json)
        {
            WriteJson(running);
            return;
        }

        error.WriteLine(
            $"edgeproxy: refused: switch {running.Id} to {running.To.ToKey()} runs already (in {running.Phase}); wait for its end, "
            + $"'edgeproxy status{app}' shows it{WayBack(running)}");
    }

    /// <summary>What can be done about a switch at the point where it is; empty: nothing but to wait.</summary>
    private string WayBack(Switch running)
    {
        var phases = running.Phases ?? []; // the proxy may be of another version
        var isGoingBack = phases.Count(run => run.Phase == SwitchPhase.Flip) > 1
            || phases.Any(run => run.Failed && run.Phase < SwitchPhase.MoveCompanions);
        return running.Phase switch
        {
            _ when isGoingBack => "",
            SwitchPhase.StopOld => $"; 'edgeproxy rollback{app}' goes back after that",
            SwitchPhase.AfterEnd => $", or go back with 'edgeproxy rollback{app}', which ends its hooks",
            SwitchPhase.Canary or > SwitchPhase.Flip => $", or call it back with 'edgeproxy rollback{app}'",
            _ => $", or end it with 'edgeproxy abort{app}'",
        };
    }

    /// <summary>The proxy says no: nothing was begun.</summary>
    /// <param name="detail">Why.</param>
    /// <param name="active">The slot that has the traffic.</param>
    /// <param name="body">The whole response, for scripts.</param>
    public void NotPossible(string detail, string active, string body)
    {
        if (json)
        {
            output.WriteLine(body);
            return;
        }

        error.WriteLine($"edgeproxy: refused: {PrintableText.Of(detail)}");
        error.WriteLine($"next: nothing was started, traffic is on {PrintableText.Of(active)} as before; 'edgeproxy status{app}' shows both slots");
    }

    /// <summary>What happened and what to do are in the reason; then the evidence.</summary>
    private void Explain(Switch ended)
    {
        error.WriteLine($"why: {PrintableText.Of(ended.Reason ?? "no reason was given")}");
        if (ended.LastProbe is { } probe)
        {
            error.WriteLine(
                $"last probe: {probe.Status?.ToString(CultureInfo.InvariantCulture) ?? "no response"} after {Seconds(probe.Latency)}" +
                (probe.Error is null ? "" : $", {PrintableText.Of(probe.Error)}"));
            if (probe.Error is not null && probe.Body is { Length: > 0 } body)
            {
                error.WriteLine($"  {string.Join("\n  ", PrintableText.Of(body[..Math.Min(body.Length, BodyStart)]).TrimEnd().Split('\n'))}");
            }
        }

        if (ended.UnitLog.Count > 0)
        {
            error.WriteLine("unit log:");
            foreach (var line in ended.UnitLog)
            {
                error.WriteLine($"  {PrintableText.Of(line)}");
            }
        }

        foreach (var hook in ended.Hooks?.Where(hook => hook.Problem is not null && hook.Output.Count > 0) ?? [])
        {
            error.WriteLine($"output of the hook {PrintableText.Of(hook.Command)}:");
            foreach (var line in hook.Output)
            {
                error.WriteLine($"  {PrintableText.Of(line)}");
            }
        }

        error.WriteLine(ended.Outcome == SwitchOutcome.CompletedWithWarnings
            ? $"next: traffic is served by {ended.To.ToKey()}; look at what the warning says about {ended.From.ToKey()}"
            : $"next: traffic is served by {ended.From.ToKey()} as before; mend {ended.To.ToKey()}, then 'edgeproxy switch{app}' again");
    }

    public static int ExitCodeOf(SwitchOutcome outcome) => outcome switch
    {
        SwitchOutcome.Completed => ExitCode.Done,
        SwitchOutcome.CompletedWithWarnings => ExitCode.Warnings,
        _ => ExitCode.Failed,
    };

    private static SlotName TrafficOf(Switch ended) =>
        ended.Outcome is SwitchOutcome.Completed or SwitchOutcome.CompletedWithWarnings ? ended.To : ended.From;

    public static string Seconds(TimeSpan duration) => string.Create(CultureInfo.InvariantCulture, $"{duration.TotalSeconds:0.000}s");

    /// <summary>Writes a line with the time of day in front.</summary>
    public void Line(string text) =>
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{time.GetLocalNow():HH:mm:ss} {text}"));

    private void WriteJson(Switch value) => output.WriteLine(JsonSerializer.Serialize(value, SwitchingJson.Relaxed.Switch));
}
