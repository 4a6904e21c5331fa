namespace EdgeProxy.Tls;

/// <summary>Alerts before anything is encrypted: plain records (RFC 8446 sections 5.1 and 6).</summary>
internal static class TlsAlert
{
    public static byte[] Fatal(byte description) => [21, 3, 3, 0, 2, 2, description];
}
