namespace EdgeProxy.Switching;

/// <summary>Whether the unit of the idle slot may be touched at a start: elsewhere it may still count as a candidate.</summary>
internal interface IIdleClaim
{
    /// <summary>Completes when it may. Never fails.</summary>
    Task Free { get; }
}
