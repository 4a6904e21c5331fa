namespace EdgeProxy.Proxying;

/// <summary>The end of the time that requests have once the proxy stops: what is still under way in an app then gets 503 instead of being cut.</summary>
/// <remarks>The code that stops the process says when; see <c>Shutdown:DrainTimeout</c>.</remarks>
internal sealed class StopDeadline(ProxiedApps apps) : IDisposable
{
    private readonly CancellationTokenSource _passed = new();

    /// <summary>Fires when it is over.</summary>
    public CancellationToken Passed => _passed.Token;

    /// <summary>It is over.</summary>
    public void Pass()
    {
        _passed.Cancel();
        foreach (var slot in apps.Slots)
        {
            slot.EndLeases();
        }
    }

    public void Dispose() => _passed.Dispose();
}
