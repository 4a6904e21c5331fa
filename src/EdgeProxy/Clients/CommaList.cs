namespace EdgeProxy.Clients;

/// <summary>Lists in header fields (RFC 9110 section 5.6.1), from the right. Empty elements do not count, as the RFC asks.</summary>
internal static class CommaList
{
    /// <summary>Takes the last element, without the blanks around it.</summary>
    /// <returns>False: there is none left.</returns>
    public static bool TakeLast(scoped ref ReadOnlySpan<char> list, out ReadOnlySpan<char> element)
    {
        element = default;
        while (element.IsEmpty && !list.IsEmpty)
        {
            Split(ref list, list.LastIndexOf(','), out element);
        }

        return !element.IsEmpty;
    }

    /// <summary>Takes the last element off, as <see cref="TakeLast"/>, of a list whose elements may hold quoted strings.</summary>
    /// <remarks>
    /// From the right as well: a quote that a client opens at the left must not swallow what a trusted proxy has added behind it. A quoted string whose
    /// begin is not found is left in the element, where it is malformed.
    /// </remarks>
    public static bool TakeLastQuoted(scoped ref ReadOnlySpan<char> list, out ReadOnlySpan<char> element)
    {
        element = default;
        while (element.IsEmpty && !list.IsEmpty)
        {
            Split(ref list, LastCommaOutsideQuotes(list), out element);
        }

        return !element.IsEmpty;
    }

    public static int Count(ReadOnlySpan<char> list)
    {
        var count = 0;
        while (TakeLast(ref list, out _))
        {
            count++;
        }

        return count;
    }

    private static void Split(scoped ref ReadOnlySpan<char> list, int comma, out ReadOnlySpan<char> element)
    {
        element = list[(comma + 1)..].Trim(" \t");
        list = comma < 0 ? default : list[..comma];
    }

    private static int LastCommaOutsideQuotes(ReadOnlySpan<char> list)
    {
        var isQuoted = false;
        for (var i = list.Length - 1; i >= 0; i--)
        {
            if (list[i] == '"' && !(isQuoted && IsEscaped(list, i)))
            {
                isQuoted = !isQuoted;
            }
            else if (list[i] == ',' && !isQuoted)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Behind an odd number of backslashes (RFC 9110 section 5.6.4).</summary>
    private static bool IsEscaped(ReadOnlySpan<char> text, int i)
    {
        var before = text[..i];
        return (before.Length - before.TrimEnd('\\').Length) % 2 == 1;
    }
}
