using System.Net.Http.Headers;
using System.Text;

namespace EdgeProxy.Proxying.Upstream;

/// <summary>Headers that a response's <c>Connection</c> names: meant for the proxy, not for its client (RFC 9110 section 7.6.1).</summary>
internal static class ResponseConnectionOptions
{
    /// <summary>Takes them away. What frames the body, or belongs to a change of protocol, stays.</summary>
    public static void Drop(HttpResponseMessage response)
    {
        foreach (var name in response.Headers.Connection.ToArray())
        {
            if (name.Equals("close", StringComparison.OrdinalIgnoreCase) || name.Equals("Upgrade", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            HttpHeaders headers = ResponseHeaderName.Find(Encoding.ASCII.GetBytes(name))?.Kind switch
            {
                ResponseHeaderKind.Content => response.Content.Headers,
                _ => response.Headers,
            };
            if (headers.NonValidated.Contains(name))
            {
                headers.Remove(name);
            }
        }
    }
}
