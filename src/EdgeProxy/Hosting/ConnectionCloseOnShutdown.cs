namespace EdgeProxy.Hosting;

/// <summary>Whether each response is the last one on its connection: during a stop, and once another process accepts in place of this one.</summary>
internal sealed class ConnectionCloseOnShutdown(IHostApplicationLifetime life)
{
    private readonly CancellationToken _stopping = life.ApplicationStopping;
    private volatile bool _begun;

    public bool AreDue => _begun || _stopping.IsCancellationRequested;

    public void Begin() => _begun = true;
}
