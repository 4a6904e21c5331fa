using EdgeProxy.AdminCalls;

namespace EdgeProxy.Switching;

/// <summary>What of a switch is shown.</summary>
internal static class SwitchMask
{
    /// <summary>The switch as this caller may see it.</summary>
    public static Switch View(this AdminCaller caller, Switch @switch) => caller.MaySeeContent
        ? @switch
        : @switch with
        {
            UnitLog = [],
            Hooks = @switch.Hooks?.Select(hook => hook with { Command = hook.Command.Split(' ')[0], Output = [] }).ToArray(),
            LastProbe = @switch.LastProbe is { } probe ? probe with { Body = null } : null,
        };
}
