namespace EdgeProxy.Tls;

/// <summary>Keeps a process that takes the place of another one from listening until its certificates can be served.</summary>
/// <remarks>
/// The other one serves until this one does: it need not take connections whose handshakes would wait for their certificate. That of the first one takes tens
/// of milliseconds (<see cref="ServingCertificate.PrepareAsync"/>). One that cannot be prepared fails its own handshakes, and no start.
/// </remarks>
internal sealed class CertificateWait(CertificateTable certificates) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken) =>
        await certificates.WhenPreparedAsync().WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
