using EdgeProxy.Common;
using EdgeProxy.Slots;
using EdgeProxy.Switching;

namespace EdgeProxy.Cli;

/// <summary>How a person sees a switch go on: <see cref="LiveProgress"/> on a terminal, <see cref="PlainProgress"/> in a pipe, <see cref="NoProgress"/> beside
/// JSON.</summary>
internal interface ISwitchProgress
{
    void Begun(Switch begun);

    /// <summary>A phase began, or ended: then it has its detail.</summary>
    void Phase(PhaseRun phase);

    /// <summary>The candidate was probed.</summary>
    void Probed(ProbeEvent probe);

    /// <summary>Nothing follows. Returns when all of it is on the screen.</summary>
    Task EndAsync();
}

/// <summary>A line a phase, as it ends, with the time of day.</summary>
/// <param name="report">Where the lines go.</param>
/// <param name="app">See <see cref="PreviewHint"/>.</param>
internal sealed class PlainProgress(SwitchReport report, string app = "") : ISwitchProgress
{
    /// <summary>What one does while it waits.</summary>
    /// <param name="app">The option that names the app, with a blank before it; empty: it is alone.</param>
    public static string PreviewHint(string app) =>
        $"'edgeproxy preview{app}' prints the link; 'edgeproxy promote{app}' goes on, 'edgeproxy abort{app}' ends it";

    public void Begun(Switch begun) => report.Line($"switch {begun.Id} from {begun.From.ToKey()} to {begun.To.ToKey()}");

    public void Phase(PhaseRun phase)
    {
        if (phase is { Detail: null, Phase: SwitchPhase.Preview })
        {
            report.Line($"{phase.Phase,-9} {PreviewHint(app)}");
        }
        else if (phase.Detail is not null)
        {
            report.Line($"{phase.Phase,-9} {SwitchReport.Seconds(phase.Duration)}  {PrintableText.Of(phase.Detail)}");
        }
    }

    public void Probed(ProbeEvent probe)
    {
    }

    public Task EndAsync() => Task.CompletedTask;
}

/// <summary>Nothing but the end is told.</summary>
internal sealed class NoProgress : ISwitchProgress
{
    public void Begun(Switch begun)
    {
    }

    public void Phase(PhaseRun phase)
    {
    }

    public void Probed(ProbeEvent probe)
    {
    }

    public Task EndAsync() => Task.CompletedTask;
}
