namespace EdgeProxy.Sites.Matching;

/// <summary>Values that a header field or a parameter may have: exact, or with a star at the begin, the end or both. Letter case matters.</summary>
internal sealed class FieldTest(string name, IEnumerable<string> allowed)
{
    private readonly string[] _allowed = [.. allowed];

    public string Name => name;

    public bool Holds(ReadOnlySpan<char> value)
    {
        foreach (var text in _allowed)
        {
            if (Holds(text, value))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether an allowed value allows whatever another one does.</summary>
    public static bool Covers(string allowed, string other) => allowed == "*" || allowed == other
        || (other switch
        {
            "*" => false,
            ['*', .. var part, '*'] => allowed is ['*', .. var own, '*'] && part.Contains(own, StringComparison.Ordinal),
            ['*', .. var end] => (allowed is ['*', .. var own, '*'] && end.Contains(own, StringComparison.Ordinal))
                || (allowed is ['*', .. var tail] && !allowed.EndsWith('*') && end.EndsWith(tail, StringComparison.Ordinal)),
            [.. var begin, '*'] => (allowed is ['*', .. var own, '*'] && begin.Contains(own, StringComparison.Ordinal))
                || (allowed is [.. var head, '*'] && !allowed.StartsWith('*') && begin.StartsWith(head, StringComparison.Ordinal)),
            _ => Holds(allowed, other),
        });

    /// <remarks>Slices of spans: those of a string would be copies.</remarks>
    private static bool Holds(ReadOnlySpan<char> allowed, ReadOnlySpan<char> value) => allowed switch
    {
        "*" => true,
        ['*', .. var part, '*'] => value.Contains(part, StringComparison.Ordinal),
        ['*', .. var end] => value.EndsWith(end, StringComparison.Ordinal),
        [.. var begin, '*'] => value.StartsWith(begin, StringComparison.Ordinal),
        _ => value.SequenceEqual(allowed),
    };
}
