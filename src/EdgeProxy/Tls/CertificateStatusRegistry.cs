using System.Collections.Immutable;
using EdgeProxy.Diagnostics;

namespace EdgeProxy.Tls;

/// <summary>How all certificates are, those that are still missing included. Nothing is decided by it.</summary>
/// <remarks>Each entry is written by its owner alone; read by anyone. A change is an event <c>certificate</c>.</remarks>
internal sealed class CertificateStatusRegistry(EventHub events, TimeProvider time)
{
    private ImmutableSortedDictionary<string, CertificateStatus> _all = ImmutableSortedDictionary.Create<string, CertificateStatus>(StringComparer.Ordinal);

    /// <summary>By name, as they are now.</summary>
    public IReadOnlyList<CertificateStatus> Read()
    {
        var now = time.GetUtcNow();
        return [.. Volatile.Read(ref _all).Values.Select(status => status.At(now))];
    }

    public void Set(CertificateStatus status)
    {
        ImmutableInterlocked.Update(ref _all, static (all, changed) => all.SetItem(changed.Name, changed), status);
        events.Publish("certificate", status.At(time.GetUtcNow()), TlsJson.Relaxed.CertificateStatus);
    }
}
