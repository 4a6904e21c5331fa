using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace EdgeProxy.Cli;

/// <summary>Durations as people type them: <c>500ms</c>, <c>30s</c>, <c>2m</c>, <c>1h</c>, or as the settings have them: <c>00:00:30</c>.</summary>
internal static class Duration
{
    public const string Allowed = "500ms, 30s, 2m, 1h or 00:00:30";

    private static readonly (string Suffix, TimeSpan Unit)[] Units =
    [
        ("ms", TimeSpan.FromMilliseconds(1)), ("s", TimeSpan.FromSeconds(1)), ("m", TimeSpan.FromMinutes(1)), ("h", TimeSpan.FromHours(1)),
    ];

    public static bool TryParse(string text, out TimeSpan duration)
    {
        foreach (var (suffix, unit) in Units)
        {
            if (text.EndsWith(suffix, StringComparison.Ordinal)
                && double.TryParse(text.AsSpan(0, text.Length - suffix.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                && number * unit.TotalDays <= 365)
            {
                duration = unit * number;
                return true;
            }
        }

        // "30" alone would be 30 days.
        duration = default;
        return text.Contains(':', StringComparison.Ordinal) && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out duration) && duration >= TimeSpan.Zero;
    }

    /// <summary>An option that takes a duration.</summary>
    /// <param name="name">With its dashes.</param>
    /// <param name="description">The default is appended by the help.</param>
    /// <param name="default">The value when it is not given.</param>
    /// <param name="minimum">The shortest that is allowed.</param>
    public static Option<TimeSpan> Option(string name, string description, TimeSpan @default, TimeSpan minimum) => new(name)
    {
        Description = description,
        HelpName = "duration",
        DefaultValueFactory = _ => @default,
        CustomParser = result => Parse(result, minimum),
    };

    /// <summary>An option that takes a duration and need not be given.</summary>
    public static Option<TimeSpan?> Option(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "duration",
        CustomParser = result => Parse(result, TimeSpan.Zero),
    };

    private static TimeSpan Parse(ArgumentResult result, TimeSpan minimum)
    {
        var text = result.Tokens[0].Value;
        if (!TryParse(text, out var duration))
        {
            result.AddError($"'{text}' is not a duration; write {Allowed}");
        }
        else if (duration < minimum)
        {
            result.AddError($"'{text}' is too short; at least {minimum.TotalMilliseconds} ms");
        }

        return duration;
    }
}
