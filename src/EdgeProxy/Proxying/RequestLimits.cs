using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Proxying;

/// <summary>How large a request may be. What is larger is refused in the pipeline, with a response body, a line in the access log and a count.</summary>
/// <remarks>
/// Set as <c>Kestrel:Limits</c>; the defaults are what gunicorn takes, so that it never rejects what was accepted here. Kestrel's own limits are higher
/// (ServerLimits): it would respond with an empty body, before the pipeline, and reset streams of HTTP/2.
/// </remarks>
/// <param name="MaxRequestLineSize">In bytes, with the line's end. HTTP/2 has no such line: the one that the app gets counts.</param>
/// <param name="MaxRequestHeaderCount">Fields, also those of one name.</param>
/// <param name="MaxRequestHeadersTotalSize">In bytes: names, values, and four for each field.</param>
/// <param name="MaxRequestHeaderFieldSize">In bytes, as the app gets a field: all of one name in one line.</param>
/// <param name="MaxRequestBodySize">In bytes; null: no limit.</param>
internal sealed record RequestLimits(
    int MaxRequestLineSize, int MaxRequestHeaderCount, int MaxRequestHeadersTotalSize, int MaxRequestHeaderFieldSize, long? MaxRequestBodySize)
{
    /// <summary>Two blanks, <c>HTTP/1.1</c> and the end of the line.</summary>
    private const int LineOverhead = 12;

    /// <returns>Null: the line is not too long.</returns>
    public (int Status, string Detail)? FindLineFault(IHttpRequestFeature request) =>
        request.Method.Length + request.RawTarget.Length + LineOverhead > MaxRequestLineSize
        ? (StatusCodes.Status414UriTooLong, $"The request line is longer than {MaxRequestLineSize} bytes (Kestrel:Limits:MaxRequestLineSize).")
        : null;

    /// <summary>Adds fields up, one name at a time.</summary>
    public struct HeaderSize(RequestLimits limits)
    {
        private int _count;
        private int _total;

        /// <returns>Null: they are within the limits so far.</returns>
        public (int Status, string Detail)? Add(string name, StringValues values)
        {
            // A character is a byte here (Latin-1). Fields of one name reach the app in one line, two characters between them.
            var size = name.Length;
            foreach (var value in values)
            {
                size += 2 + (value?.Length ?? 0);
            }

            _count += values.Count;
            _total += size + (values.Count * (name.Length + 2)) - name.Length;
            if (size > limits.MaxRequestHeaderFieldSize)
            {
                var shown = name.Length > 100 ? name[..100] : name;
                return TooLarge($"The header {shown} is longer than {limits.MaxRequestHeaderFieldSize} bytes", "Http2:MaxRequestHeaderFieldSize");
            }

            return _count > limits.MaxRequestHeaderCount
                ? TooLarge($"The request has more than {limits.MaxRequestHeaderCount} headers", "MaxRequestHeaderCount")
                : _total <= limits.MaxRequestHeadersTotalSize ? null
                : TooLarge($"The headers are longer than {limits.MaxRequestHeadersTotalSize} bytes", "MaxRequestHeadersTotalSize");
        }

        private static (int Status, string Detail) TooLarge(string what, string key) =>
            (StatusCodes.Status431RequestHeaderFieldsTooLarge, $"{what} (Kestrel:Limits:{key}).");
    }
}
