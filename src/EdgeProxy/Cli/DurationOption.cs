using System.CommandLine;
using System.CommandLine.Parsing;
using EdgeProxy.Common;

namespace EdgeProxy.Cli;

/// <summary>Options that take a <see cref="Duration"/>.</summary>
internal static class DurationOption
{
    /// <summary>What is longer is no interval, and no timer takes more than 49 days.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    /// <summary>An option that takes a duration of at most a day.</summary>
    /// <param name="name">With its dashes.</param>
    /// <param name="description">The default is appended by the help.</param>
    /// <param name="default">The value when it is not given.</param>
    /// <param name="minimum">The shortest that is allowed.</param>
    public static Option<TimeSpan> Create(string name, string description, TimeSpan @default, TimeSpan minimum) => new(name)
    {
        Description = description,
        HelpName = "duration",
        DefaultValueFactory = _ => @default,
        CustomParser = result => Parse(result, minimum, Longest),
    };

    /// <summary>An option that takes a duration and need not be given.</summary>
    public static Option<TimeSpan?> Create(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "duration",
        CustomParser = result => Parse(result, TimeSpan.Zero, TimeSpan.MaxValue),
    };

    private static TimeSpan Parse(ArgumentResult result, TimeSpan minimum, TimeSpan maximum)
    {
        var text = result.Tokens[0].Value;
        if (!Duration.TryParse(text, out var duration))
        {
            result.AddError($"'{text}' is not a duration; write {Duration.Allowed}");
        }
        else if (duration < minimum)
        {
            result.AddError($"'{text}' is too short; at least {minimum.TotalMilliseconds} ms");
        }
        else if (duration > maximum)
        {
            result.AddError($"'{text}' is too long; at most {maximum.TotalHours} h");
        }

        return duration;
    }
}
