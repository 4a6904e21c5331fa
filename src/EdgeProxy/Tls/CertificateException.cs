namespace EdgeProxy.Tls;

/// <summary>A certificate cannot be used. The message says why, as the end of a sentence that begins with where it comes from.</summary>
internal sealed class CertificateException(string message, Exception? inner = null) : Exception(message, inner);
