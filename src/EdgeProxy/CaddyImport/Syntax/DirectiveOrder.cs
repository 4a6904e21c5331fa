namespace EdgeProxy.CaddyImport.Syntax;

/// <summary>How Caddy sorts the directives of a block (sortRoutes of caddyconfig/httpcaddyfile/directives.go, 2.6).</summary>
internal static class DirectiveOrder
{
    /// <summary>The weight of a directive without a matcher.</summary>
    public const int NoMatcher = 0;

    /// <summary>Up to so many the order is an insertion sort's; beyond it Go's sort.SliceStable merges blocks of this size.</summary>
    private const int BlockSize = 20;

    /// <summary>What the comparison looks at in a matcher.</summary>
    /// <param name="paths">The patterns of its <c>path</c> lines.</param>
    /// <returns>More than 1: it has a single path, of one character less.</returns>
    public static int WeightOf(IReadOnlyList<Token> paths) => paths is [var single] ? 1 + single.Text.Length : 1;

    /// <summary>
    /// By the name first. Of one name a longer path goes before a shorter one where both have a single path; else one with a matcher goes before one
    /// without; and what is neither stays as it is written.
    /// </summary>
    /// <remarks>That is no order that a key could express: of three directives the first may go before the second, and the second before the third, and the
    /// third before the first.</remarks>
    /// <param name="steps">As they are written.</param>
    /// <param name="position">Of a step's name among all directives.</param>
    /// <param name="weight">See <see cref="WeightOf"/>; <see cref="NoMatcher"/>.</param>
    /// <param name="isSure">False: there are so many that what comes of it in Caddy cannot be told.</param>
    public static List<T> Sort<T>(IReadOnlyList<T> steps, Func<T, int> position, Func<T, int> weight, out bool isSure)
    {
        var sorted = steps.ToList();
        for (var i = 1; i < sorted.Count; i++)
        {
            for (var j = i; j > 0 && IsBefore(sorted[j], sorted[j - 1]); j--)
            {
                (sorted[j], sorted[j - 1]) = (sorted[j - 1], sorted[j]);
            }
        }

        isSure = sorted.Count <= BlockSize || !HasContradiction();
        return sorted;

        bool IsBefore(T one, T other)
        {
            var (first, second) = (position(one), position(other));
            if (first != second)
            {
                return first < second;
            }

            (first, second) = (weight(one), weight(other));
            return first > 1 && second > 1 ? first > second : first > NoMatcher && second == NoMatcher;
        }

        bool HasContradiction() => sorted.Select((step, index) => (step, index)).Any(one => sorted.Skip(one.index + 1).Any(later => IsBefore(later, one.step)));
    }
}
