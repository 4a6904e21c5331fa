namespace EdgeProxy.Tests.EndToEnd;

/// <summary>
/// Switches and faults under load. All end-to-end tests run after the others and one after the other, in whatever collection: each has a machine of its own,
/// with an app, its database and a load, and two of them at once on two cores measure one another.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class EndToEndCollection
{
    public const string Name = "end to end";
}

/// <summary>From Caddy to EdgeProxy and back.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class TakeOverCollection
{
    public const string Name = "end to end: take-over";
}

/// <summary>The package and its units: install, start, restart, upgrade, reboot.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ServiceLifeCollection
{
    public const string Name = "end to end: service life";
}
