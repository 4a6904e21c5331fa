using System.Globalization;
using EdgeProxy.Api;
using EdgeProxy.Common;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using Spectre.Console;

namespace EdgeProxy.Cli;

/// <summary>The phases of a switch as a list that changes in place: what is done, what runs and for how long, what comes.</summary>
/// <remarks>One loop draws, from <see cref="Begun"/> to <see cref="EndAsync"/>, which waits for it. What it cannot find out it leaves out.</remarks>
/// <param name="readInFlight">Requests of the draining slot by class, as words; null: not known.</param>
/// <param name="app">The option that names the app, with a blank before it; empty: it is alone.</param>
internal sealed class LiveProgress(IAnsiConsole console, Func<CancellationToken, Task<string?>> readInFlight, TimeProvider time, string app = "")
    : ISwitchProgress
{
    private static readonly TimeSpan Frame = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    private readonly Lock _lock = new();
    private readonly List<PhaseRun> _phases = []; // this and what follows: guarded by _lock
    private long _phaseBegan;
    private (int Good, int Bad, string? Last) _probes;
    private string? _inFlight;
    private volatile bool _ended;
    private Task _drawing = Task.CompletedTask;

    public void Begun(Switch begun)
    {
        console.MarkupLineInterpolated($"switch [bold]{begun.Id}[/] from {begun.From.ToKey()} to [bold]{begun.To.ToKey()}[/]");
        _drawing = DrawAsync();
    }

    public void Phase(PhaseRun phase)
    {
        lock (_lock)
        {
            if (phase.Detail is null)
            {
                _phases.Add(phase);
                (_phaseBegan, _inFlight) = (time.GetTimestamp(), null);
            }
            else if (_phases is [.., { Detail: null } last] && last.Phase == phase.Phase)
            {
                _phases[^1] = phase;
            }
            else
            {
                _phases.Add(phase); // it had begun before we listened
            }
        }
    }

    public void Probed(ProbeEvent probe)
    {
        lock (_lock)
        {
            if (Running is SwitchPhase.StartIdle or SwitchPhase.Probe)
            {
                _probes = probe.Error is null ? (_probes.Good + 1, _probes.Bad, null) : (0, _probes.Bad + 1, probe.Error);
            }
        }
    }

    public async Task EndAsync()
    {
        _ended = true;
        await _drawing;
    }

    private SwitchPhase? Running => _phases is [.., { Detail: null } last] ? last.Phase : null;

    private Task DrawAsync() => console.Live(Picture(0)).StartAsync(async live =>
    {
        using var over = new CancellationTokenSource();
        using var timer = new PeriodicTimer(Frame, time);
        var lookedAt = time.GetTimestamp();
        var look = Task.FromResult<string?>(null);
        for (var frame = 0; !_ended; frame++)
        {
            live.UpdateTarget(Picture(frame));
            if (look.IsCompleted && time.GetElapsedTime(lookedAt) >= Look)
            {
                Keep(look);
                (look, lookedAt) = (LookAsync(over.Token), time.GetTimestamp());
            }

            await timer.WaitForNextTickAsync();
        }

        await over.CancelAsync();
        await look;
        live.UpdateTarget(Picture(0));
    });

    private void Keep(Task<string?> look)
    {
        lock (_lock)
        {
            _inFlight = look.Result ?? _inFlight;
        }
    }

    /// <summary>While the old slot drains. A proxy that does not respond now tells later, or not.</summary>
    private async Task<string?> LookAsync(CancellationToken over)
    {
        lock (_lock)
        {
            if (Running != SwitchPhase.Drain)
            {
                return null;
            }
        }

        try
        {
            return await readInFlight(over);
        }
        catch (Exception e) when (e is AdminUnreachableException or OperationCanceledException)
        {
            return null;
        }
    }

    private Grid Picture(int frame)
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap()).AddColumn(new GridColumn().NoWrap()).AddColumn(new GridColumn().NoWrap().RightAligned())
            .AddColumn(new GridColumn());
        lock (_lock)
        {
            foreach (var phase in _phases)
            {
                AddRow(grid, phase, frame);
            }

            foreach (var phase in Enum.GetValues<SwitchPhase>().Where(IsExpected))
            {
                grid.AddRow(Cell(" "), Cell(phase.ToString(), Decoration.Dim), Cell(""), Cell(""));
            }
        }

        return grid;
    }

    /// <summary>It is still to come. Those that only some switches have are shown when they begin: which there are, the settings of the proxy say.</summary>
    private bool IsExpected(SwitchPhase phase) =>
        phase is not (SwitchPhase.Preview or SwitchPhase.BeforeFlip or SwitchPhase.Canary or SwitchPhase.AfterEnd
            or SwitchPhase.Companions or SwitchPhase.MoveCompanions)
        && (_phases.Count == 0 || (phase > _phases[^1].Phase && !_ended));

    private void AddRow(Grid grid, PhaseRun phase, int frame)
    {
        var unicode = console.Profile.Capabilities.Unicode;
        if (phase.Detail is { } detail)
        {
            var mark = phase.Failed ? Cell(unicode ? "✗" : "x", color: Color.Red) : Cell(unicode ? "✓" : "+", color: Color.Green);
            grid.AddRow(
                mark,
                Cell(phase.Phase.ToString()),
                Cell(SwitchReport.Seconds(phase.Duration)),
                Cell(PrintableText.Of(detail), phase.Failed ? Decoration.None : Decoration.Dim));
            return;
        }

        var spinner = unicode ? Spinner.Known.Dots : Spinner.Known.Line;
        grid.AddRow(
            Cell(spinner.Frames[frame % spinner.Frames.Count], color: Color.Yellow),
            Cell(phase.Phase.ToString(), Decoration.Bold),
            Cell(string.Create(CultureInfo.InvariantCulture, $"{time.GetElapsedTime(_phaseBegan).TotalSeconds:0.0}s")),
            Cell(Doing(phase.Phase)));
    }

    private string Doing(SwitchPhase phase) => phase switch
    {
        SwitchPhase.StartIdle or SwitchPhase.Probe when _probes != default =>
            $"{_probes.Good} good in a row, {_probes.Bad} bad{(_probes.Last is null ? "" : $": {PrintableText.Of(_probes.Last)}")}",
        SwitchPhase.Drain => _inFlight ?? "",
        SwitchPhase.Preview => PlainProgress.PreviewHint(app),
        _ => "",
    };

    private static Text Cell(string text, Decoration decoration = Decoration.None, Color? color = null) =>
        new Text(text, new Style(color, decoration: decoration));
}
