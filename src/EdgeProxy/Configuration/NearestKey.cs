namespace EdgeProxy.Configuration;

/// <summary>Finds the key that a mistyped one was meant to be.</summary>
internal static class NearestKey
{
    /// <summary>Names the nearest known key, or all of them where none is near: the end of a sentence.</summary>
    public static string Suggest(string parent, string key, IEnumerable<string> known)
    {
        var names = known.ToList();
        return Find(key, names) is { } nearest ? $"did you mean {ConfigurationPath.Combine(parent, nearest)}?" : $"known here: {string.Join(", ", names)}";
    }

    /// <summary>The nearest of the known keys; null when none is so near that it was probably meant.</summary>
    public static string? Find(string key, IEnumerable<string> known)
    {
        var nearest = known.MinBy(name => Distance(key, name));
        return nearest is not null && Distance(key, nearest) <= Math.Max(2, nearest.Length / 3) ? nearest : null;
    }

    /// <summary>Edit distance (insert, delete, replace, swap of neighbours: optimal string alignment), case ignored.</summary>
    public static int Distance(string a, string b)
    {
        var cost = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
            {
                cost[i, j] = (i, j) switch
                {
                    (0, _) => j,
                    (_, 0) => i,
                    _ => Math.Min(Math.Min(cost[i - 1, j] + 1, cost[i, j - 1] + 1), cost[i - 1, j - 1] + (Same(i - 1, j - 1) ? 0 : 1)),
                };
                if (i > 1 && j > 1 && Same(i - 1, j - 2) && Same(i - 2, j - 1))
                {
                    cost[i, j] = Math.Min(cost[i, j], cost[i - 2, j - 2] + 1);
                }
            }
        }

        return cost[a.Length, b.Length];

        bool Same(int i, int j) => char.ToUpperInvariant(a[i]) == char.ToUpperInvariant(b[j]);
    }
}
