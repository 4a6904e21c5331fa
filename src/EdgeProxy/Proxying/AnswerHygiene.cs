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
        var isClean = Read(answer.Headers, TransferEncoding, out var codings) & Read(answer.Content.Headers, ContentLength, out var lengths);
        if (lengths.Count + codings.Count > 1 || (codings.Count == 1 && !"chunked".Equals(codings.ToString(), StringComparison.OrdinalIgnoreCase)))
        {
            return "An answer has one Content-Length, or the Transfer-Encoding chunked, or neither.";
        }

        return isClean ? null : "A header holds a control character.";
    }

    /// <summary>An answer without content has none, whatever length it announces (RFC 9110 section 8.6); Kestrel would hold it to its word.</summary>
    public static void DropLengthOfNothing(HttpResponseMessage answer)
    {
        if (answer.StatusCode == HttpStatusCode.NoContent)
        {
            answer.Content.Headers.Remove(ContentLength);
        }
    }

    /// <summary>One walk over the headers, which is cheaper than to look one up beside it.</summary>
    /// <param name="framing">The values of the header of that name; none where it is not there.</param>
    /// <returns>False: a value holds a control character.</returns>
    private static bool Read(HttpHeaders headers, string name, out HeaderStringValues framing)
    {
        framing = default;
        var isClean = true;
        foreach (var header in headers.NonValidated)
        {
            if (header.Key.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                framing = header.Value;
            }

            foreach (var value in header.Value)
            {
                isClean &= !value.AsSpan().ContainsAny(_control);
            }
        }

        return isClean;
    }
}
