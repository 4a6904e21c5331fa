using System.Diagnostics.Metrics;
using EdgeProxy.Diagnostics.Metrics;

namespace EdgeProxy.Tls;

/// <summary>When certificates end, and what their renewal came to.</summary>
internal sealed class CertificateMetrics : InstrumentSet
{
    private const string NotAfter = "edgeproxy.certificate.not_after.timestamp";
    private const string Missing = "edgeproxy.certificate.missing";
    private const string Failures = "edgeproxy.certificate.failures";

    public CertificateMetrics(Meter meter, CertificateStatusRegistry board)
    {
        meter.CreateObservableGauge(
            NotAfter,
            () =>
                board.Read().Where(certificate => certificate.NotAfter is not null)
                    .Select(certificate => Of(certificate, certificate.NotAfter!.Value.ToUnixTimeSeconds())),
            "s",
            "When the certificate ends, in seconds since 1970.");
        meter.CreateObservableGauge(
            Missing,
            () => board.Read().Select(certificate => Of(certificate, certificate.State == CertificateState.Missing ? 1 : 0)),
            description: "1: handshakes for its names are refused, as there is no certificate.");
        meter.CreateObservableGauge(
            Failures, () =>
                board.Read().Select(certificate => Of(certificate, certificate.Failures)),
                "{attempt}",
                "Attempts to renew it that have failed since the last good one.");
    }

    /// <summary>The names of the instruments that have a series for each certificate.</summary>
    public static ReadOnlySpan<string> OfEachName => new[] { NotAfter, Missing, Failures };

    private static Measurement<long> Of(CertificateStatus certificate, long value) =>
        new(value, new KeyValuePair<string, object?>("certificate", certificate.Name));
}
