namespace EdgeProxy.Switching;

/// <summary>Takes what operators ask of switches: of this machine's own, or of those of several machines.</summary>
internal interface ISwitchDoor
{
    /// <param name="request">What is asked.</param>
    /// <param name="left">Which machines have no part in it.</param>
    /// <param name="cancellationToken">Ends the wait, not the switch.</param>
    ValueTask<SwitchStart> BeginAsync(SwitchRequest request, LeftOut left, CancellationToken cancellationToken);

    /// <inheritdoc cref="SwitchCoordinator.BeginRollbackAsync"/>
    ValueTask<SwitchStart> RollBackAsync(bool force, LeftOut left, CancellationToken cancellationToken);

    /// <inheritdoc cref="SwitchCoordinator.Abort"/>
    ValueTask<SwitchStart> AbortAsync(CancellationToken cancellationToken);
}

/// <summary>Machines that have no part in a switch.</summary>
/// <param name="Nodes">By name.</param>
/// <param name="Lost">Each one that is not there.</param>
internal sealed record LeftOut(IReadOnlyList<string> Nodes, bool Lost)
{
    public bool HasAny => Lost || Nodes.Count > 0;
}

/// <summary>The door of a machine that is alone.</summary>
internal sealed class OwnSwitches(SwitchCoordinator switches) : ISwitchDoor
{
    private static readonly SwitchStart.Refused _noNode = new("this proxy is in no fleet, so that there is no node to leave out");

    public ValueTask<SwitchStart> BeginAsync(SwitchRequest request, LeftOut left, CancellationToken cancellationToken) =>
        left.HasAny ? new(_noNode) : switches.BeginAsync(request, cancellationToken);

    public ValueTask<SwitchStart> RollBackAsync(bool force, LeftOut left, CancellationToken cancellationToken) =>
        left.HasAny ? new(_noNode) : switches.BeginRollbackAsync(force, cancellationToken);

    public ValueTask<SwitchStart> AbortAsync(CancellationToken cancellationToken) => new(switches.Abort());
}
