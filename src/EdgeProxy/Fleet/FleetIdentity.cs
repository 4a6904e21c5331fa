using EdgeProxy.Configuration;

namespace EdgeProxy.Fleet;

/// <summary>Which node this is of which fleet: the new process of a handover goes on as the same one.</summary>
internal sealed class FleetIdentity : IReloadCheck
{
    private static readonly string[] _keys =
        [$"{FleetOptions.SectionName}:{nameof(FleetOptions.Name)}", $"{FleetOptions.SectionName}:{nameof(FleetOptions.Node)}"];

    public ReloadRefusal? Check(IConfiguration running, IConfiguration next) => _keys.FirstOrDefault(key => running[key] != next[key]) is { } changed
        ? new($"{changed} has changed: a node joins a fleet, leaves it or gets another name only with a restart of EdgeProxy")
        : null;
}
