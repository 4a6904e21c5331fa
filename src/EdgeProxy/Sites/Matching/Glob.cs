namespace EdgeProxy.Sites.Matching;

/// <summary>Patterns of shells for paths, as Go's <c>path.Match</c> has them: no star goes beyond a slash. Letter case does not matter.</summary>
internal static class Glob
{
    /// <remarks>Of several stars only the last is ever widened: what an earlier one could take more, the last one can take as well. So a long path costs at
    /// most its length times the pattern's.</remarks>
    public static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        var (p, t) = (0, 0);
        var (afterStar, widened) = (-1, 0);
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                (afterStar, widened) = (++p, t);
            }
            else if (p < pattern.Length && TakesOne(pattern, ref p, text[t]))
            {
                t++;
            }
            else if (afterStar >= 0 && text[widened] != '/')
            {
                (p, t) = (afterStar, ++widened);
            }
            else
            {
                return false;
            }
        }

        return pattern[p..].TrimStart('*').IsEmpty;
    }

    /// <summary>Whether each class has its end, and each backslash something to follow.</summary>
    public static bool IsValid(ReadOnlySpan<char> pattern)
    {
        for (var p = 0; p < pattern.Length; p++)
        {
            if (pattern[p] == '\\')
            {
                p++;
            }
            else if (pattern[p] == '[')
            {
                p = EndOfClass(pattern, p);
            }

            if (p < 0 || p >= pattern.Length)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Compares one element of the pattern with one character.</summary>
    /// <param name="p">Where the element begins; behind it where it matches.</param>
    private static bool TakesOne(ReadOnlySpan<char> pattern, ref int p, char character)
    {
        var end = p + 1;
        bool matches;
        switch (pattern[p])
        {
            case '?':
                matches = character != '/';
                break;
            case '[':
                end = EndOfClass(pattern, p) + 1;
                matches = character != '/' && IsInClass(pattern[(p + 1)..(end - 1)], Fold(character));
                break;
            case '\\':
                end = p + 2;
                matches = Fold(pattern[p + 1]) == Fold(character);
                break;
            default:
                matches = Fold(pattern[p]) == Fold(character);
                break;
        }

        p = matches ? end : p;
        return matches;
    }

    /// <returns>Where the closing bracket is; -1: nowhere, or nothing is in between.</returns>
    private static int EndOfClass(ReadOnlySpan<char> pattern, int start)
    {
        var first = start + 1 < pattern.Length && pattern[start + 1] == '^' ? start + 2 : start + 1;
        var end = pattern[first..].IndexOf(']');
        return end <= 0 || pattern[first..(first + end)].Contains('\\') ? -1 : first + end;
    }

    private static bool IsInClass(ReadOnlySpan<char> members, char character)
    {
        var isNegated = members[0] == '^';
        members = isNegated ? members[1..] : members;
        for (var i = 0; i < members.Length; i++)
        {
            var isRange = i + 2 < members.Length && members[i + 1] == '-';
            var (low, high) = (Fold(members[i]), Fold(isRange ? members[i + 2] : members[i]));
            if (character >= low && character <= high)
            {
                return !isNegated;
            }

            i += isRange ? 2 : 0;
        }

        return isNegated;
    }

    private static char Fold(char character) => char.ToUpperInvariant(character);
}
