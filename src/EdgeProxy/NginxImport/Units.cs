using System.Globalization;
using System.Text.RegularExpressions;

namespace EdgeProxy.NginxImport;

/// <summary>Values as nginx writes them (nginx.org/en/docs/syntax.html).</summary>
internal static partial class Units
{
    /// <summary><c>1m</c> is a minute, <c>1M</c> a month of 30 days; a number alone is seconds.</summary>
    public static bool TryDuration(string text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        if (!DurationText().IsMatch(text))
        {
            return false;
        }

        var seconds = DurationPart().Matches(text).Sum(part =>
            double.Parse(part.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * SecondsOf(part.Groups[2].Value));
        duration = TimeSpan.FromSeconds(Math.Min(seconds, int.MaxValue));
        return true;
    }

    /// <summary><c>10m</c> is 10 MiB.</summary>
    public static bool TrySize(string text, out long bytes)
    {
        bytes = 0;
        if (SizeText().Match(text) is not { Success: true } match)
        {
            return false;
        }

        bytes = long.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) << (match.Groups[2].Value.ToLowerInvariant() switch
        {
            "k" => 10,
            "m" => 20,
            "g" => 30,
            _ => 0,
        });
        return true;
    }

    private static double SecondsOf(string unit) => unit switch
    {
        "ms" => 1e-3,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        "w" => 7 * 86400,
        "M" => 30 * 86400,
        "y" => 365 * 86400,
        _ => 1,
    };

    [GeneratedRegex(@"^(\d{1,9}(ms|s|m|h|d|w|M|y)?)( ?\d{1,9}(ms|s|m|h|d|w|M|y))*$")]
    private static partial Regex DurationText();

    [GeneratedRegex(@"(\d+)(ms|s|m|h|d|w|M|y)?")]
    private static partial Regex DurationPart();

    [GeneratedRegex(@"^(\d{1,9})([kKmMgG]?)$")]
    private static partial Regex SizeText();
}
