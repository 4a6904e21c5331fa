using EdgeProxy.Configuration;

namespace EdgeProxy.Proxying.RateLimiting;

/// <summary><c>RateLimits</c>.</summary>
internal static class RateLimitRules
{
    private const int Most = 1_000_000;

    /// <summary>Each has series of metrics of its own, and is looked at by each request.</summary>
    private const int MostLimits = 20;

    private const int LongestName = 64;

    /// <param name="at">What the list belongs to: an app.</param>
    /// <param name="list">Its key.</param>
    /// <param name="limits">Its entries.</param>
    public static void Check(SettingsScope at, string list, IReadOnlyList<RateLimitOptions>? limits)
    {
        if (limits?.Count > MostLimits)
        {
            at.Error(list, $"has {limits.Count} limits; at most {MostLimits} are allowed");
        }

        for (var i = 0; i < (limits?.Count ?? 0); i++)
        {
            Check(at.In(list, i), limits![i]);
            if (limits.Take(i).Any(earlier => earlier.Name is { } name && name == limits[i].Name))
            {
                at.In(list, i).Error(nameof(RateLimitOptions.Name), "is there twice; metrics would not tell the two apart");
            }
        }
    }

    private static bool IsOfName(char character) => char.IsAsciiLetterOrDigit(character) || character is '-' or '_';

    private static void Check(SettingsScope at, RateLimitOptions limit)
    {
        if (limit.Name is { } name && (name.Length is 0 or > LongestName || !name.All(IsOfName)))
        {
            at.Error(nameof(limit.Name), $"must be 1 to {LongestName} of a-z, A-Z, 0-9, - and _");
        }

        at.RequestPaths(nameof(limit.Paths), limit.Paths);
        if (limit.Requests is { } requests)
        {
            at.Range(nameof(limit.Requests), requests, 1, Most);
        }
        else
        {
            at.Error(nameof(limit.Requests), "is missing: how many requests of a client are taken within Period");
        }

        at.Range(nameof(limit.Period), limit.Period, TimeSpan.FromSeconds(1), TimeSpan.FromHours(24));
        if (limit.Burst is { } burst)
        {
            at.Range(nameof(limit.Burst), burst, 1, Most);
        }
    }
}
