using EdgeProxy.Configuration;
using EdgeProxy.Switching.Hooks;
using EdgeProxy.Switching.Progressive;

namespace EdgeProxy.Switching;

/// <summary><c>Switch</c>.</summary>
internal static class SwitchRules
{
    public static void Check(SettingsScope at, SwitchOptions @switch)
    {
        at.RequestPaths(nameof(@switch.WarmUp), @switch.WarmUp);
        at.RequestPaths(nameof(@switch.StreamPaths), @switch.StreamPaths);
        at.Range(nameof(@switch.Observe), @switch.Observe, TimeSpan.Zero, TimeSpan.FromHours(1));
        at.Range(nameof(@switch.MaxErrorRatio), @switch.MaxErrorRatio, 0d, 1d);
        at.Range(nameof(@switch.MaxErrorIncrease), @switch.MaxErrorIncrease, 0d, 1d);
        at.Range(nameof(@switch.MaxLatencyFactor), @switch.MaxLatencyFactor, 0d, 100d);
        at.Range(nameof(@switch.MinObservedRequests), @switch.MinObservedRequests, 1, 1_000_000);
        at.Range(nameof(@switch.DrainTimeout), @switch.DrainTimeout, TimeSpan.Zero, TimeSpan.FromHours(24));
        at.Range(nameof(@switch.StreamDrainTimeout), @switch.StreamDrainTimeout, TimeSpan.Zero, TimeSpan.FromHours(24));
        at.Range(nameof(@switch.KeepWarm), @switch.KeepWarm, TimeSpan.Zero, TimeSpan.FromDays(7));
        HookRules.Check(at.In(nameof(@switch.Hooks)), @switch.Hooks);
        CanaryRules.Check(at, @switch);
    }
}
