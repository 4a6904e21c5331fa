using EdgeProxy.Switching.Phases;

namespace EdgeProxy.Switching;

/// <summary>The phases of a switch, in order.</summary>
internal sealed record SwitchPhases(
    StartIdlePhase StartIdle,
    ProbePhase Probe,
    WarmUpPhase WarmUp,
    PreviewPhase Preview,
    CanaryPhase Canary,
    FlipPhase Flip,
    ObservePhase Observe,
    DrainPhase Drain,
    StopOldPhase StopOld);
