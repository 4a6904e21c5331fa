using System.Globalization;
using System.Text.RegularExpressions;

namespace EdgeProxy.CaddyImport;

/// <summary>Values as Caddyfiles write them.</summary>
internal static partial class CaddyValue
{
    /// <summary><c>1m30s</c>, <c>500ms</c>, <c>1d</c>: Go's durations and Caddy's days.</summary>
    public static bool TryDuration(string text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        if (text == "0")
        {
            return true;
        }

        if (!DurationText().IsMatch(text))
        {
            return false;
        }

        var seconds = DurationPart().Matches(text).Sum(
            part => double.Parse(part.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * SecondsOf(part.Groups[2].Value));
        duration = seconds < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(seconds) : TimeSpan.MaxValue;
        return true;
    }

    /// <summary><c>10MB</c> is 10,000,000 bytes, <c>10MiB</c> 10,485,760.</summary>
    public static bool TrySize(string text, out long bytes)
    {
        bytes = 0;
        if (SizeText().Match(text) is not { Success: true } match)
        {
            return false;
        }

        var unit = match.Groups[2].Value.ToUpperInvariant();
        var power = unit.Length == 0 ? 0 : "BKMGT".IndexOf(unit[0], StringComparison.Ordinal);
        var size = double.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * Math.Pow(
            unit.Contains('I', StringComparison.Ordinal) ? 1024 : 1000, power);
        bytes = size < long.MaxValue ? (long)size : 0;
        return size < long.MaxValue;
    }

    /// <summary>It holds a value that Caddy finds for each request, such as <c>{host}</c>.</summary>
    public static bool HasPlaceholder(string text) => text.Contains('{', StringComparison.Ordinal);

    /// <summary>The first of them; null: there is none.</summary>
    public static string? PlaceholderIn(string text) => Placeholder().Match(text) is { Success: true } match ? match.Value : null;

    /// <summary>All of them.</summary>
    public static IEnumerable<string> PlaceholdersIn(string text) => Placeholder().Matches(text).Select(match => match.Value);

    private static double SecondsOf(string unit) => unit switch
    {
        "d" => 86400,
        "h" => 3600,
        "m" => 60,
        "s" => 1,
        "ms" => 1e-3,
        "ns" => 1e-9,
        _ => 1e-6,
    };

    [GeneratedRegex(@"^(\d{1,9}(\.\d{1,9})?(d|h|ms|m|s|us|µs|ns))+$")]
    private static partial Regex DurationText();

    [GeneratedRegex(@"(\d+(?:\.\d+)?)(d|h|ms|m|s|us|µs|ns)")]
    private static partial Regex DurationPart();

    [GeneratedRegex(@"\{[a-zA-Z_$>][^{}\s]*\}")]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"^(\d{1,12}(?:\.\d{1,9})?)\s?((?:[kmgtKMGT][iI]?)?[bB]?)$")]
    private static partial Regex SizeText();
}
