namespace EdgeProxy.Proxying;

/// <summary><c>ReverseProxy</c>, YARP's section of the settings: routes and clusters beside the apps'.</summary>
internal static class ReverseProxySection
{
    public const string Name = "ReverseProxy";

    public const string RoutesKey = $"{Name}:Routes";

    public const string ClustersKey = $"{Name}:Clusters";

    public static IEnumerable<IConfigurationSection> RoutesOf(IConfiguration configuration) => configuration.GetSection(RoutesKey).GetChildren();

    public static IEnumerable<IConfigurationSection> ClustersOf(IConfiguration configuration) => configuration.GetSection(ClustersKey).GetChildren();
}
