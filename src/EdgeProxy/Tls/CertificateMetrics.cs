using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.Metrics;

namespace EdgeProxy.Tls;

/// <summary>When certificates end, and what their renewal came to.</summary>
internal sealed class CertificateMetrics : InstrumentSet
{
    public CertificateMetrics(Meter meter, CertificateStatusRegistry board)
    {
        meter.CreateObservableGauge(
            "edgeproxy.certificate.not_after.timestamp",
            () =>
                board.Read().Where(certificate => certificate.NotAfter is not null)
                    .Select(certificate => Of(certificate, certificate.NotAfter!.Value.ToUnixTimeSeconds())),
            "s",
            "When the certificate ends, in seconds since 1970.");
        meter.CreateObservableGauge(
            "edgeproxy.certificate.missing",
            () => board.Read().Select(certificate => Of(certificate, certificate.State == CertificateState.Missing ? 1 : 0)),
            description: "1: handshakes for its names are refused, as there is no certificate.");
        meter.CreateObservableGauge(
            "edgeproxy.certificate.failures", () =>
                board.Read().Select(certificate => Of(certificate, certificate.Failures)),
                "{attempt}",
                "Attempts to renew it that have failed since the last good one.");
    }

    private static Measurement<long> Of(CertificateStatus certificate, long value) =>
        new(value, new KeyValuePair<string, object?>("certificate", certificate.Name));
}
