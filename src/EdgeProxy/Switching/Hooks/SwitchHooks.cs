using EdgeProxy.Processes;
using EdgeProxy.Slots;
using EdgeProxy.State;

namespace EdgeProxy.Switching.Hooks;

/// <summary>Runs the commands of <c>Switch:Hooks</c>.</summary>
/// <remarks>
/// Each is noted in the checkpoint of the switch before it starts, so that the next process ends what a killed one has left of it. A hook is told what happens
/// by its environment alone, and gets nothing else of the proxy's own.
/// </remarks>
internal sealed partial class SwitchHooks(
    HooksOptions options, SlotPair slots, CommandRunner runner, TimeProvider time, ILogger<SwitchHooks> logger)
{
    private const int LongestVariable = 1000;

    /// <summary>As long as the runner gives a command that is to end.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    public bool HasBeforeFlip => options.BeforeFlip is { Length: > 0 };

    public bool HasAfterEnd => options.AfterEnd is { Length: > 0 };

    /// <summary>The phase before the flip: the first hook that fails ends it.</summary>
    public Task<PhaseResult> BeforeFlipAsync(SwitchRun run, CancellationToken stopping) =>
        RunAllAsync(HookPoint.BeforeFlip, run.Current, run.NoteHook, run.Add, stopsAtFailure: true, CancellationToken.None, stopping);

    /// <summary>The phase after the end: all of them run, unless somebody wants traffic back meanwhile.</summary>
    public Task<PhaseResult> AfterEndAsync(SwitchRun run, Switch ended, CancellationToken stopping) =>
        RunAllAsync(HookPoint.AfterEnd, ended, run.NoteHook, run.Add, stopsAtFailure: false, run.UnwantedHooks, stopping);

    /// <summary>The hooks after the end of a switch that a former process has left.</summary>
    /// <param name="ended">The switch.</param>
    /// <param name="note">Notes the invocation in the checkpoint, durably.</param>
    /// <param name="stopping">The proxy stops.</param>
    /// <returns>The switch with them.</returns>
    public async Task<Switch> AfterEndAsync(Switch ended, Action<string> note, CancellationToken stopping)
    {
        var runs = new List<HookRun>(ended.Hooks ?? []);
        var result = await RunAllAsync(HookPoint.AfterEnd, ended, note, runs.Add, stopsAtFailure: false, CancellationToken.None, stopping);
        return WithWarning(ended with { Hooks = runs is [] ? null : runs }, result.Problem);
    }

    /// <summary>The switch when its last hooks have run: one that would have been without fault has a warning now.</summary>
    public static Switch WithWarning(Switch ended, string? problem) => problem is null ? ended : ended with
    {
        Outcome = ended.Outcome == SwitchOutcome.Completed ? SwitchOutcome.CompletedWithWarnings : ended.Outcome,
        Reason = ended.Reason is { } reason ? $"{reason} After it {problem}." : $"Traffic is on {ended.To.ToKey()}. After the end {problem}.",
    };

    /// <summary>Ends what a killed process has left of a hook.</summary>
    public async Task EndLeftOverAsync(string invocationId)
    {
        if (await Invocation.EndAsync(invocationId, Grace, time) is > 0 and var groups)
        {
            Log.LeftOver(logger, groups);
        }
    }

    private async Task<PhaseResult> RunAllAsync(
        HookPoint point, Switch current, Action<string> note, Action<HookRun> add, bool stopsAtFailure, CancellationToken unwanted, CancellationToken stopping)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(unwanted, stopping);
        var hooks = (point == HookPoint.BeforeFlip ? options.BeforeFlip : options.AfterEnd) ?? [];
        var problems = new List<string>();
        foreach (var hook in hooks)
        {
            try
            {
                if (await RunOneAsync(point, hook, current, note, add, either.Token) is { } problem)
                {
                    problems.Add(problem);
                    if (stopsAtFailure)
                    {
                        break;
                    }
                }
            }
            catch (OperationCanceledException) when (unwanted.IsCancellationRequested && !stopping.IsCancellationRequested)
            {
                problems.Add($"the hook {Program(hook)} was ended, and what follows it left out, as traffic was to go back");
                break;
            }
        }

        return problems.Count > 0 ? PhaseResult.Failed(string.Join("; ", problems)) : new(hooks is [var one] ? Program(one) : $"{hooks.Length} hooks");
    }

    private async Task<string?> RunOneAsync(
        HookPoint point, HookOptions hook, Switch current, Action<string> note, Action<HookRun> add, CancellationToken stopping)
    {
        var start = new ChildStart(hook.Command!)
        {
            WorkingDirectory = "/",
            IsClean = true,
            User = hook.User,
            Variables = VariablesOf(point, current),
        };
        note(start.InvocationId);
        var startedAt = time.GetUtcNow();
        CrashPoint.Pass("hook", "about to run");
        var end = await runner.RunAsync(start, hook.Timeout, stopping);
        CrashPoint.Pass("hook", "ended");
        add(new HookRun
        {
            Hook = point,
            Command = string.Join(' ', hook.Command!),
            StartedAt = startedAt,
            Duration = end.Duration,
            ExitStatus = end.ExitStatus,
            Problem = end.Problem,
            Output = end.Output,
        });
        if (end.Problem is null)
        {
            Log.Ran(logger, point, Program(hook), end.Duration.TotalSeconds);
            return null;
        }

        Log.Failed(logger, point, Program(hook), end.Problem, string.Join(" | ", end.Output.TakeLast(5)));
        return $"the hook {Program(hook)} {end.Problem}";
    }

    private static string Program(HookOptions hook) => hook.Command![0];

    private Dictionary<string, string> VariablesOf(HookPoint point, Switch current)
    {
        var active = slots.Active.Name;
        var variables = new Dictionary<string, string>
        {
            ["EDGEPROXY_HOOK"] = point.ToString(),
            ["EDGEPROXY_APP"] = slots.Active.App.Name,
            ["EDGEPROXY_SWITCH"] = current.Id,
            ["EDGEPROXY_FROM"] = current.From.ToKey(),
            ["EDGEPROXY_TO"] = current.To.ToKey(),
            ["EDGEPROXY_ACTIVE"] = active.ToKey(),
            ["EDGEPROXY_FROM_ADDRESS"] = $"{slots[current.From].Address}",
            ["EDGEPROXY_TO_ADDRESS"] = $"{slots[current.To].Address}",
            ["EDGEPROXY_LABEL"] = Safe(current.Label),
        };
        if (point == HookPoint.AfterEnd)
        {
            variables["EDGEPROXY_OUTCOME"] = $"{current.Outcome}";
            variables["EDGEPROXY_REASON"] = Safe(current.Reason);
        }

        return variables;
    }

    /// <summary>A label comes from a caller: no NUL, which would end the environment's entry, and no line of its own in a script's log.</summary>
    private static string Safe(string? text) =>
        new([.. (text ?? "").Take(LongestVariable).Select(character => char.IsControl(character) ? ' ' : character)]);

    private static partial class Log
    {
        [LoggerMessage(310, LogLevel.Information, "Hook {Point} {Program} succeeded after {Seconds:F3} s")]
        public static partial void Ran(ILogger logger, HookPoint point, string program, double seconds);

        [LoggerMessage(311, LogLevel.Error, "Hook {Point} {Program} {Problem}; its last output: {Output}")]
        public static partial void Failed(ILogger logger, HookPoint point, string program, string problem, string output);

        [LoggerMessage(312, LogLevel.Warning, "The former process was killed while a hook ran: {Groups} process groups that were left of it are ended")]
        public static partial void LeftOver(ILogger logger, int groups);
    }
}
