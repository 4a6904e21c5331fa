namespace EdgeProxy.Fleet;

/// <summary>The memberships of this process: one for each app.</summary>
internal sealed class FleetMembers
{
    private readonly List<FleetMember> _all = []; // added while the apps are made, by one thread

    public IReadOnlyList<FleetMember> All => _all;

    public void Add(FleetMember member) => _all.Add(member);
}
