using System.Globalization;
using System.Text.Json;
using EdgeProxy.Slots;
using EdgeProxy.Switching;

namespace EdgeProxy.Demo;

/// <summary>One switch of <c>demo --script</c>.</summary>
internal sealed record DemoSwitch(SlotName From, SlotName To, SwitchOutcome Outcome, TimeSpan Duration, int Requests, int Failures, TimeSpan P99);

/// <summary>What <c>demo --script --json</c> prints.</summary>
internal sealed record DemoReport(bool Passed, IReadOnlyList<DemoSwitch> Switches);

/// <summary><c>demo --script</c>: three switches under load, and the proof that nothing was lost.</summary>
internal sealed class DemoScript(DemoSite site, LoadTally tally, TextWriter output, bool json, TimeProvider time)
{
    private const int Switches = 3;

    /// <summary>How long the load goes on after a switch, to see what comes late.</summary>
    private static readonly TimeSpan Aftermath = TimeSpan.FromSeconds(1);

    /// <returns>Whether every switch completed and no request failed.</returns>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        var done = new List<DemoSwitch>();
        Line("switch  from -> to      outcome    seconds  requests  failures  p99 ms");
        for (var i = 0; i < Switches; i++)
        {
            var ended = await SwitchAsync(cancellationToken);
            Line(string.Create(
                CultureInfo.InvariantCulture,
                $"{i + 1,-6}  {$"{ended.From.ToKey()} -> {ended.To.ToKey()}",-14}  {ended.Outcome}  {ended.Duration.TotalSeconds,7:0.00}  {ended.Requests,8} " +
                    $" {ended.Failures,8}  {ended.P99.TotalMilliseconds,6:0.0}"));
            done.Add(ended);
        }

        var passed = done.All(one => one is { Outcome: SwitchOutcome.Completed, Failures: 0, Requests: > 0 });
        if (json)
        {
            output.WriteLine(JsonSerializer.Serialize(new DemoReport(passed, done), DemoJson.Relaxed.DemoReport));
        }

        Line(
            $"{done.Count} switches, {done.Sum(one => one.Requests)} requests, {done.Sum(one => one.Failures)} failures; p99 without the requests that take " +
                "a second by themselves");
        return passed;
    }

    private async Task<DemoSwitch> SwitchAsync(CancellationToken cancellationToken)
    {
        tally.Take();
        var response = await site.Admin.PostAsync(SwitchApi.Switch, new SwitchBody(Label: "demo"), SwitchingJson.Relaxed.SwitchBody, cancellationToken);
        var ended = response.Read(SwitchingJson.Relaxed.Switch);
        if (ended.Outcome is not { } outcome)
        {
            throw site.Admin.Refusal(response);
        }

        if (ended.Reason is { } reason)
        {
            Line($"{outcome}: {reason}");
        }

        await Task.Delay(Aftermath, time, cancellationToken);
        var load = tally.Take();
        return new DemoSwitch(ended.From, ended.To, outcome, ended.Duration, load.Requests, load.Failures, load.P99);
    }

    private void Line(string text)
    {
        if (!json)
        {
            output.WriteLine(text);
        }
    }
}
