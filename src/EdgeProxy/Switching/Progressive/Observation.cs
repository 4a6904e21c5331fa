using System.Globalization;
using EdgeProxy.Common;
using EdgeProxy.Slots;

namespace EdgeProxy.Switching.Progressive;

/// <summary>Watches the candidate while clients get it, all of them or a part: its unit, its probes, refused connections, errors, latency.</summary>
/// <remarks><c>connectFailures</c>: how often a slot has refused a client's connection, since the proxy started.</remarks>
internal sealed class Observation(
    SwitchOptions options,
    SlotPair slots,
    HealthProbe probe,
    HealthMonitor health,
    SlotTraffic traffic,
    Func<SlotName, long> connectFailures,
    TimeProvider time)
{
    /// <summary>One bad response is an accident, three in a row are a state.</summary>
    internal const int BadInARow = 3;

    /// <summary>A look at the counters costs nothing; a bad version is to serve for as short as possible.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Latency counts only after so long: a version whose caches are cold, and that meets all at once what has waited, is slow for a moment.
    /// </summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan BetweenProbes = TimeSpan.FromMilliseconds(500);

    /// <param name="run">The switch.</param>
    /// <param name="duration">How long.</param>
    /// <param name="watches">Of the candidate's units; without one where the unit manager is away.</param>
    /// <param name="early">Ends it before its time, without a verdict.</param>
    /// <param name="stopping">Ends it with an exception.</param>
    /// <returns>What is wrong with the candidate; null: nothing.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="stopping"/>.</exception>
    public async Task<PhaseResult?> RunAsync(
        SwitchRun run, TimeSpan duration, IReadOnlyList<UnitWatch> watches, CancellationToken early, CancellationToken stopping)
    {
        using var over = new Deadline(duration, time, [early, stopping, .. watches.Select(watch => watch.Ended)]);
        var probing = ProbeAsync(run, over.Token);
        var step = new Step(options, slots[run.From], slots[run.To], traffic, connectFailures, time);
        PhaseResult? verdict;
        try
        {
            do
            {
                await Task.WhenAny(Task.Delay(Look, time, over.Token), probing);
                verdict = watches.FirstOrDefault(watch => watch.Verdict is not null)?.Verdict is { } ended ? PhaseResult.Failed(ended)
                    : step.Look() is { } found ? found
                    : probing.IsCompleted && await probing is { } unhealthy ? PhaseResult.Failed(unhealthy)
                    : null;
            }
            while (verdict is null && !over.Token.IsCancellationRequested);

            if (verdict is null && over.HasPassed)
            {
                verdict = step.LookLast();
            }
        }
        finally
        {
            slots[run.To].Tally = null;
            await over.CancelAsync();
            await probing;
        }

        stopping.ThrowIfCancellationRequested();
        return verdict;
    }

    /// <summary>Ends with the third bad response in a row, or when it is cancelled; never throws.</summary>
    /// <returns>What is wrong; null: it was cancelled.</returns>
    private async Task<string?> ProbeAsync(SwitchRun run, CancellationToken over)
    {
        try
        {
            var bad = 0;
            while (true)
            {
                var load = new SlotLoad(slots[run.To]);
                var response = await probe.ProbeAsync(slots[run.To].Address, over);
                var isBusy = load.Explains(response);
                run.Probed(response);
                health.Record(run.To, response, run.Id, isBusy);
                bad = response.IsGood || isBusy ? 0 : bad + 1;
                if (bad == BadInARow)
                {
                    return $"{bad} probes in a row failed: {response.Error}";
                }

                await Task.Delay(BetweenProbes, time, over);
            }
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>What clients meet in one step. The other slot's figures are of the same time where it has traffic, else of the hour before.</summary>
    private sealed class Step
    {
        private readonly SwitchOptions _options;
        private readonly Slot _old;
        private readonly Slot _candidate;
        private readonly SlotTraffic _traffic;
        private readonly Func<SlotName, long> _refused;
        private readonly TimeProvider _time;
        private readonly long _started;
        private readonly Judge _judge;
        private readonly PathTally _tally;
        private readonly SlotFigures _oldAtStart;
        private readonly SlotFigures _candidateAtStart;
        private readonly SlotFigures _before;
        private readonly long _refusedBefore;
        private SlotFigures? _candidateSettled;
        private SlotFigures? _oldSettled;

        public Step(SwitchOptions options, Slot old, Slot candidate, SlotTraffic traffic, Func<SlotName, long> refused, TimeProvider time)
        {
            (_time, _started) = (time, time.GetTimestamp());
            (_options, _old, _candidate, _traffic, _refused, _judge) = (options, old, candidate, traffic, refused, new Judge(options, Settling));
            (_oldAtStart, _candidateAtStart, _refusedBefore) = (old.Figures, candidate.Figures, refused(candidate.Name));
            _before = traffic.Before(old.Name, _oldAtStart);
            _tally = new PathTally(_before.Timed > 0 ? _before.Quantile(0.95) : TimeSpan.MaxValue);
            candidate.Tally = _tally;
        }

        /// <returns>What is wrong; null: nothing.</returns>
        public PhaseResult? Look() => WhyRefused() ?? WhyTooManyErrors() ?? WhyWorse();

        private PhaseResult? WhyRefused() => _refused(_candidate.Name) - _refusedBefore is var failures and > 0
            ? Bad(
                $"{_candidate.Name.ToKey()} did not accept {failures} connections of clients",
                new Finding(JudgedFigure.Refused, failures, 0, _candidate.Requests - _candidateAtStart.Requests, 0, Chance: 0),
                isSameTime: true,
                hasChance: false)
            : null;

        private PhaseResult? WhyTooManyErrors()
        {
            if (_candidate.Errors == _candidateAtStart.Errors)
            {
                return null;
            }

            var (now, before) = (_traffic.Since(_candidate.Name), _traffic.Since(_old.Name));
            return now.Requests >= _options.MinObservedRequests && now.ErrorRatio > before.ErrorRatio + _options.MaxErrorRatio
                ? Bad(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{_candidate.Name.ToKey()} responded to {now.Errors} of {now.Requests} requests with a 5xx; " +
                        $"{_old.Name.ToKey()} had {before.Errors} of " +
                            $"{before.Requests}, Switch:MaxErrorRatio allows {_options.MaxErrorRatio} more"),
                    new Finding(JudgedFigure.Errors, now.ErrorRatio, before.ErrorRatio, now.Requests, before.Requests, Chance: 0),
                    isSameTime: false,
                    hasChance: false)
                : null;
        }

        private PhaseResult? WhyWorse()
        {
            Settle();
            var elapsed = _time.GetElapsedTime(_started);
            var waiting = Waiting(_candidate);
            if (!_judge.IsDue(_candidate.Requests - _candidateAtStart.Requests + waiting.Waiting) && !_judge.IsDue(elapsed, waiting.Waiting))
            {
                return null;
            }

            var meanwhile = Meanwhile(_old, _oldAtStart, _oldSettled, Waiting(_old));
            var isSameTime = meanwhile.Seen >= _options.MinObservedRequests;
            var figures = Meanwhile(_candidate, _candidateAtStart, _candidateSettled, waiting);
            return Bad(_judge.Look(figures, isSameTime ? meanwhile : _before, isSameTime, elapsed), isSameTime, figures.Waiting);
        }

        private void Settle()
        {
            if (_candidateSettled is null && _time.GetElapsedTime(_started) >= Settling)
            {
                (_candidateSettled, _oldSettled) = (_candidate.Figures, _old.Figures);
            }
        }

        /// <summary>Judges once more at the end of the step.</summary>
        /// <returns>As <see cref="Look"/>.</returns>
        public PhaseResult? LookLast()
        {
            Settle();
            if (_candidateSettled is null)
            {
                return null;
            }

            var waiting = Waiting(_candidate);
            var meanwhile = Meanwhile(_old, _oldAtStart, _oldSettled, Waiting(_old));
            var isSameTime = meanwhile.Seen >= _options.MinObservedRequests || _before.Timed == 0;
            var figures = Meanwhile(_candidate, _candidateAtStart, _candidateSettled, waiting);
            var finding = _judge.Last(figures, waiting, isSameTime ? meanwhile : _before, meanwhile, isSameTime);
            return Bad(finding, isSameTime, figures.Waiting);
        }

        /// <summary>What a slot has got in this step and has not responded to; for latency it counts after <see cref="Settling"/>, as the rest.</summary>
        /// <remarks>What is left in it of the time before says nothing of this one: long polls in the old slot, behind a flip.</remarks>
        private SlotFigures Waiting(Slot slot)
        {
            var waiting = slot.Pending.Read(_time.GetElapsedTime(0, _time.GetTimestamp()), atMost: _time.GetElapsedTime(_started));
            return _candidateSettled is null ? SlotFigures.None with { Waiting = waiting.Waiting } : waiting;
        }

        /// <summary>What a slot has responded in this step, with the latencies of the time after <see cref="Settling"/>, and what waits.</summary>
        private static SlotFigures Meanwhile(Slot slot, SlotFigures start, SlotFigures? settled, SlotFigures waiting)
        {
            var now = slot.Figures;
            return (now - start with { Latencies = (settled ?? now).Latencies }) + waiting;
        }

        private PhaseResult? Bad(Finding? finding, bool isSameTime, long waiting) =>
            finding is null ? null : Bad(Words(finding, isSameTime, waiting), finding, isSameTime, hasChance: true);

        private PhaseResult Bad(string words, Finding finding, bool isSameTime, bool hasChance)
        {
            var judgement = new Judgement
            {
                Figure = finding.Figure,
                Candidate = finding.Candidate,
                Reference = finding.Reference,
                CandidateRequests = finding.CandidateRequests,
                ReferenceRequests = finding.ReferenceRequests,
                AtTheSameTime = isSameTime,
                Chance = hasChance ? finding.Chance : null,
                Paths = [.. _tally.Worst(finding.Figure == JudgedFigure.Errors).Select(path => new JudgedPath(path.Path, path.Requests))],
            };
            return PhaseResult.Failed(words + judgement.PathWords) with { Judgement = judgement };
        }

        private string Words(Finding finding, bool isSameTime, long waiting)
        {
            var (now, then) = finding.Figure == JudgedFigure.Errors
                ? (Percent(finding.Candidate), Percent(finding.Reference))
                : (Milliseconds(finding.Candidate), Milliseconds(finding.Reference));
            var what = finding.Figure switch
            {
                JudgedFigure.Errors => "5xx ratio",
                JudgedFigure.P95 => "p95 latency",
                _ => "p99 latency",
            };
            return string.Create(
                CultureInfo.InvariantCulture,
                $"the {what} of {_candidate.Name.ToKey()} was {now} in {finding.CandidateRequests} requests{Of(waiting)}, that of " +
                    $"{_old.Name.ToKey()} {then} in {finding.ReferenceRequests} {(isSameTime ? "at the same time" : "before")}; chance explains that once in " +
                    $"{Math.Min(1e9, 1 / finding.Chance):0} times"); // a chance may be too small for a number

            string Of(long waiting) => waiting > 0 && finding.Figure != JudgedFigure.Errors
                ? string.Create(CultureInfo.InvariantCulture, $" ({waiting} without a response yet)")
                : "";

            static string Percent(double ratio) => string.Create(CultureInfo.InvariantCulture, $"{ratio * 100:0.0} %");

            static string Milliseconds(double seconds) => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1000:0} ms");
        }
    }
}
