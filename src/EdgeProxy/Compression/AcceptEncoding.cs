using Microsoft.Extensions.Primitives;

namespace EdgeProxy.Compression;

/// <summary>What a client says it can decode, and what it likes best (RFC 9110 section 12.5.3).</summary>
internal static class AcceptEncoding
{
    /// <summary>Weights are in thousandths: the grammar has three decimals.</summary>
    private const int Most = 1000;

    private const int Identity = 3; // behind the codings
    private const int AnyOther = 4;
    private const int Unsaid = -1;

    /// <summary>The coding to send.</summary>
    /// <param name="header">Without the header, and for what is not in its grammar, nothing is taken to be accepted: a client that wants coded content says
    /// so.</param>
    /// <param name="offered">What there is, best first: decides where the client does not.</param>
    /// <returns>Null: content as it is, also where <c>identity;q=0</c> forbids that and nothing else is left; a response is better than none.</returns>
    public static ContentCoding? Choose(StringValues header, ReadOnlySpan<ContentCoding> offered)
    {
        if (header.Count == 0 || offered.IsEmpty)
        {
            return null;
        }

        Span<int> weights = [Unsaid, Unsaid, Unsaid, Unsaid, Unsaid];
        foreach (var line in header)
        {
            Read(line, weights);
        }

        ContentCoding? best = null;
        // Only an identity that is named is weighed: left out, it is acceptable and never preferred.
        var most = Math.Max(weights[Identity], 0);
        foreach (var coding in offered)
        {
            var weight = weights[(int)coding] == Unsaid ? weights[AnyOther] : weights[(int)coding];
            if (weight > 0 && (best is null ? weight >= most : weight > most))
            {
                (best, most) = (coding, weight);
            }
        }

        return best;
    }

    private static void Read(ReadOnlySpan<char> line, Span<int> weights)
    {
        foreach (var range in line.Split(','))
        {
            var element = line[range];
            var semicolon = element.IndexOf(';');
            var name = (semicolon < 0 ? element : element[..semicolon]).Trim(" \t");
            var index = ContentCodings.TryParse(name, out var coding) ? (int)coding
                : name is "*" ? AnyOther
                : name.Equals("identity", StringComparison.OrdinalIgnoreCase) ? Identity
                : -1;
            if (index >= 0)
            {
                weights[index] = semicolon < 0 ? Most : Weight(element[(semicolon + 1)..].Trim(" \t"));
            }
        }
    }

    /// <summary><c>q=0.5</c> (section 12.4.2); 0, not accepted, for anything else.</summary>
    private static int Weight(ReadOnlySpan<char> parameter)
    {
        if (parameter is not ['q' or 'Q', '=', '0' or '1', ..] || parameter.Length > 7 || (parameter.Length > 3 && parameter[3] != '.'))
        {
            return 0;
        }

        var weight = parameter[2] == '1' ? Most : 0;
        var unit = Most / 10;
        foreach (var digit in parameter.Length > 4 ? parameter[4..] : [])
        {
            if (!char.IsAsciiDigit(digit))
            {
                return 0;
            }

            weight += (digit - '0') * unit;
            unit /= 10;
        }

        return weight <= Most ? weight : 0;
    }
}
