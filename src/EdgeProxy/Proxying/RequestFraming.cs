using EdgeProxy.Platform;

namespace EdgeProxy.Proxying;

/// <summary>Where a request ends: <c>Content-Length</c> and <c>Transfer-Encoding</c> (RFC 9112 section 6).</summary>
internal static class RequestFraming
{
    /// <summary>
    /// What another parser could take for another end of the request than Kestrel does, which overlooks a length beside chunks, and all codings but
    /// the last.
    /// </summary>
    /// <returns>Null: there is only one way to read it.</returns>
    public static string? FindFault(HttpRequest request)
    {
        if (request.ContentLength == ContentLengthDecoder.Invalid)
        {
            return "Invalid Content-Length: it must be a number of bytes, in digits.";
        }

        if (request.Headers.TransferEncoding is not { Count: > 0 } codings)
        {
            return null;
        }

        if (codings.Count > 1 || !"chunked".Equals(codings[0], StringComparison.OrdinalIgnoreCase))
        {
            return "The only Transfer-Encoding that is understood is chunked, once.";
        }

        return HttpProtocol.IsHttp10(request.Protocol) ? "HTTP/1.0 has no Transfer-Encoding."
            : request.Headers.ContainsKey(RuntimeInternals.DroppedLength) ? "A request has a Transfer-Encoding or a Content-Length, not both."
            : null;
    }
}
