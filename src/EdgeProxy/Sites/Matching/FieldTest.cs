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
