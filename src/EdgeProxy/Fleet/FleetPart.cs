using EdgeProxy.AdminCalls;
using EdgeProxy.Apps;

namespace EdgeProxy.Fleet;

/// <summary>Makes every app of this machine a member of the fleet.</summary>
internal sealed class FleetPart(FleetNode node, FleetMembers members) : IAppPart
{
    public void AddTo(IServiceCollection services, AppOptions options)
    {
        services.AddFleetMember(node, options.Health);
        services.AddSingleton<IAppReadiness, Readiness>();
    }

    public void OnMade(IServiceProvider services) => members.Add(services.GetRequiredService<FleetMember>());

    private sealed class Readiness(FleetMember member) : IAppReadiness
    {
        public string? WhyNotReady() => member.WhyNotReady();
    }
}
