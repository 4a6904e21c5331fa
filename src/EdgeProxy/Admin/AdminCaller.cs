using EdgeProxy.Switching;

namespace EdgeProxy.Admin;

/// <summary>The caller, as <see cref="AdminAccess"/> found out.</summary>
/// <param name="MaySeeContent">Whether what the app wrote may be shown: probe bodies and the output of units and hooks may hold anything.</param>
internal sealed record AdminCaller(bool MaySeeContent)
{
    /// <summary>Has the token, or came over the socket.</summary>
    public static AdminCaller Trusted { get; } = new(MaySeeContent: true);

    /// <summary>Came over the port without the token.</summary>
    public static AdminCaller Reader { get; } = new(MaySeeContent: false);

    /// <summary>The caller of a request; one that was not looked at sees nothing.</summary>
    public static AdminCaller Of(HttpContext context) => context.Features.Get<AdminCaller>() ?? Reader;

    /// <summary>The switch as this caller may see it.</summary>
    public Switch View(Switch @switch) => MaySeeContent
        ? @switch
        : @switch with
        {
            UnitLog = [],
            Hooks = @switch.Hooks?.Select(hook => hook with { Command = hook.Command.Split(' ')[0], Output = [] }).ToArray(),
            LastProbe = @switch.LastProbe is { } probe ? probe with { Body = null } : null,
        };
}
