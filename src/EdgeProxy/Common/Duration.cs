using System.Globalization;

namespace EdgeProxy.Common;

/// <summary>Durations as people type them: <c>500ms</c>, <c>30s</c>, <c>2m</c>, <c>1h</c>, <c>7d</c>, or as the settings have them: <c>00:00:30</c>.
/// At most a year.</summary>
internal static class Duration
{
    public const string Allowed = "500ms, 30s, 2m, 1h, 7d or 00:00:30, at most 365d";

    private static readonly TimeSpan Longest = TimeSpan.FromDays(365);

    private static readonly (string Suffix, TimeSpan Unit)[] Units =
    [
        ("ms", TimeSpan.FromMilliseconds(1)), ("s", TimeSpan.FromSeconds(1)), ("m", TimeSpan.FromMinutes(1)), ("h", TimeSpan.FromHours(1)),
        ("d", TimeSpan.FromDays(1)),
    ];

    public static bool TryParse(string text, out TimeSpan duration)
    {
        foreach (var (suffix, unit) in Units)
        {
            if (text.EndsWith(suffix, StringComparison.Ordinal)
                && double.TryParse(text.AsSpan(0, text.Length - suffix.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                && number * unit.TotalDays <= Longest.TotalDays)
            {
                duration = unit * number;
                return true;
            }
        }

        // "30" alone would be 30 days.
        duration = default;
        return text.Contains(':', StringComparison.Ordinal)
            && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out duration)
            && duration >= TimeSpan.Zero
            && duration <= Longest;
    }
}
