using System.CommandLine;
using System.CommandLine.Parsing;
using EdgeProxy.Common;

namespace EdgeProxy.Cli;

/// <summary>Options that take a <see cref="Duration"/>.</summary>
internal static class DurationOption
{
    /// <summary>An option that takes a duration.</summary>
    /// <param name="name">With its dashes.</param>
    /// <param name="description">The default is appended by the help.</param>
    /// <param name="default">The value when it is not given.</param>
    /// <param name="minimum">The shortest that is allowed.</param>
    public static Option<TimeSpan> Create(string name, string description, TimeSpan @default, TimeSpan minimum) => new(name)
    {
        Description = description,
        HelpName = "duration",
        DefaultValueFactory = _ => @default,
        CustomParser = result => Parse(result, minimum),
    };

    /// <summary>An option that takes a duration and need not be given.</summary>
    public static Option<TimeSpan?> Create(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "duration",
        CustomParser = result => Parse(result, TimeSpan.Zero),
    };

    private static TimeSpan Parse(ArgumentResult result, TimeSpan minimum)
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

        return duration;
    }
}
