using System.Buffers;
using System.Net;
using System.Net.Http.Headers;

namespace EdgeProxy.Proxying;

/// <summary>Refuses an answer of the app that its visitor could read differently than the proxy does. <see cref="SocketsHttpHandler"/> is lenient where a client may be.</summary>
internal static class AnswerHygiene
{
    private const string TransferEncoding = "Transfer-Encoding";
    private const string ContentLength = "Content-Length";

    /// <summary>RFC 9110 section 5.5: what no value holds. A tab may stand in it.</summary>
    private static readonly SearchValues<char> _control = SearchValues.Create(
        [.. Enumerable.Range(0, 0x80).Select(code => (char)code).Where(character => char.IsControl(character) && character != '\t')]);

    /// <summary>What is wrong with an answer; null: nothing.</summary>
    public static string? FindFault(HttpResponseMessage answer)
    {
        if ((int)answer.StatusCode < 100)
        {
            return $"The status {(int)answer.StatusCode} is none.";
        }

        // RFC 9112 section 6.3: where an answer ends must not be a matter of taste.
        var lengths = answer.Content.Headers.NonValidated.TryGetValues(ContentLength, out var said) ? said.Count : 0;
        var codings = answer.Headers.NonValidated.TryGetValues(TransferEncoding, out var named) ? named.Count : 0;
        if (lengths + codings > 1 || (codings == 1 && !"chunked".Equals(named.ToString(), StringComparison.OrdinalIgnoreCase)))
        {
            return "An answer has one Content-Length, or the Transfer-Encoding chunked, or neither.";
        }

        return HasControl(answer.Headers) || HasControl(answer.Content.Headers) ? "A header holds a control character." : null;
    }

    /// <summary>An answer without content has none, whatever length it announces (RFC 9110 section 8.6); Kestrel would hold it to its word.</summary>
    public static void DropLengthOfNothing(HttpResponseMessage answer)
    {
        if (answer.StatusCode == HttpStatusCode.NoContent)
        {
            answer.Content.Headers.Remove(ContentLength);
        }
    }

    private static bool HasControl(HttpHeaders headers)
    {
        foreach (var (_, values) in headers.NonValidated)
        {
            foreach (var value in values)
            {
                if (value.AsSpan().ContainsAny(_control))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
