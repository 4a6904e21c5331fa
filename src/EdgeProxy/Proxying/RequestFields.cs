using System.Buffers;
using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace EdgeProxy.Proxying;

/// <summary>The header fields of a request: which are malformed or too large, and which no client may set.</summary>
internal static class RequestFields
{
    /// <summary>
    /// Headers that make an app believe something about the client or the connection. Those of trusted proxies have been read by
    /// <see cref="Clients.ClientIdentification"/> before, and the app's are made from that. gunicorn takes the scheme from several names and refuses a request
    /// whose names disagree (<c>secure_scheme_headers</c>); <c>Proxy</c> becomes HTTP_PROXY in CGI-like environments (httpoxy, CVE-2016-5385).
    /// </summary>
    private static readonly FrozenSet<string> _removed = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host",
        "X-Forwarded-Protocol", "X-Forwarded-Ssl", "X-Forwarded-Port", "X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Prefix",
        "X-Real-IP", "Forwarded", "Proxy");

    /// <summary>RFC 9110 section 5.6.2: what the name of a field is made of.</summary>
    private static readonly SearchValues<char> _token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>RFC 9110 section 5.5: what no value holds. A tab may stand in it.</summary>
    private static readonly SearchValues<char> _control = SearchValues.Create(
        [.. Enumerable.Range(0, 0x80).Select(code => (char)code).Where(character => char.IsControl(character) && character != '\t')]);

    /// <summary>Whether nothing of what a client has sent under a name is left behind the validation.</summary>
    public static bool AreRemoved(string name) => name.Contains('_') || _removed.Contains(name);

    /// <summary>
    /// One walk over all fields: most requests have none of those that are looked for, and to look for a dozen names costs more than all the rest of
    /// the validation.
    /// </summary>
    /// <param name="headers">Are not changed.</param>
    /// <param name="id">What the client calls its request; null: it does not.</param>
    /// <param name="unwanted">The names of what is to be removed; null: nothing is.</param>
    /// <returns>Null: they are well-formed and within the limits.</returns>
    public static (int Status, string Detail)? Read(IHeaderDictionary headers, RequestLimits limits, out string? id, out List<string>? unwanted)
    {
        (id, unwanted) = (null, null);
        var size = new RequestLimits.HeaderSize(limits);
        foreach (var (name, values) in headers)
        {
            if (size.Add(name, values) is { } tooLarge)
            {
                return tooLarge;
            }

            if (name.AsSpan().ContainsAnyExcept(_token) || HasControl(values))
            {
                return (StatusCodes.Status400BadRequest, "Invalid header name, or a control character in a header value.");
            }

            if (name.Contains('_'))
            {
                // WSGI maps X_A and X-A to the same variable: the one would pass for the other.
                (unwanted ??= []).Add(name);
                continue;
            }

            if (_removed.Contains(name))
            {
                (unwanted ??= []).Add(name);
            }
            else if (name.Equals(RequestId.Header, StringComparison.OrdinalIgnoreCase))
            {
                id = values.ToString();
                (unwanted ??= []).Add(name);
            }
            else if (name.Equals(HeaderNames.Connection, StringComparison.OrdinalIgnoreCase))
            {
                RequestConnectionOptions.AddNamed(values, ref unwanted);
            }
        }

        return null;
    }

    private static bool HasControl(StringValues values)
    {
        foreach (var value in values)
        {
            if (value.AsSpan().ContainsAny(_control))
            {
                return true;
            }
        }

        return false;
    }
}
