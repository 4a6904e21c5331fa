namespace EdgeProxy.Switching.Progressive;

/// <summary>How likely a difference between two samples is mere chance.</summary>
internal static class Significance
{
    /// <summary>
    /// Fisher's exact test, one-sided: if the marked ones were spread over both samples by chance, how likely is it that the first one has at least as many as
    /// it has. Exact for any number, so that few requests prove little.
    /// </summary>
    /// <param name="marked">In the first sample.</param>
    /// <param name="size">Of the first sample.</param>
    /// <param name="otherMarked">In the other sample.</param>
    /// <param name="otherSize">Of the other sample.</param>
    /// <returns>0 to 1; 1 where there is nothing to compare.</returns>
    public static double OfMore(long marked, long size, long otherMarked, long otherSize)
    {
        var (all, total) = (marked + otherMarked, size + otherSize);
        var most = Math.Min(size, all);
        if (marked <= 0 || size <= 0 || otherSize <= 0)
        {
            return 1;
        }

        // The first term by logarithms, the others by their ratio to the one before (hypergeometric distribution).
        var term = Math.Exp(LogChoose(all, marked) + LogChoose(total - all, size - marked) - LogChoose(total, size));
        var sum = term;
        for (var x = marked; x < most && term > sum * 1e-12; x++)
        {
            term *= (double)(all - x) * (size - x) / ((double)(x + 1) * (total - all - size + x + 1));
            sum += term;
        }

        return Math.Min(1, sum);
    }

    private static double LogChoose(long n, long k) => LogFactorial(n) - LogFactorial(k) - LogFactorial(n - k);

    /// <summary>Exact for small numbers; else Stirling's series, whose error is then below 1e-12.</summary>
    private static double LogFactorial(long n)
    {
        if (n < 2)
        {
            return 0;
        }

        if (n < 64)
        {
            var sum = 0d;
            for (var i = 2; i <= n; i++)
            {
                sum += Math.Log(i);
            }

            return sum;
        }

        double x = n;
        return (x * Math.Log(x)) - x + (0.5 * Math.Log(2 * Math.PI * x)) + (1 / (12 * x)) - (1 / (360 * x * x * x)) + (1 / (1260 * x * x * x * x * x));
    }
}
