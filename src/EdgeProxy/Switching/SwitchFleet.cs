namespace EdgeProxy.Switching;

/// <summary>The machines that take part in a switch.</summary>
/// <param name="Members">By name.</param>
/// <param name="Without">Those that were left out because somebody said so.</param>
internal sealed record SwitchFleet(IReadOnlyList<string> Members, IReadOnlyList<string> Without);
