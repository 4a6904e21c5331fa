using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using EdgeProxy.Common;
using EdgeProxy.Switching;

namespace EdgeProxy.Cli;

/// <summary><c>--canary</c>: <c>5%</c>, steps such as <c>1%/30s,10%/2m</c>, or <c>off</c>.</summary>
internal static class CanaryOption
{
    public const string Allowed = $"5%, or steps such as 1%/30s,10%/2m, or off; a step lasts {Duration.Allowed}";

    /// <summary>Makes the option <c>--canary</c>; its value is null where the settings are to say.</summary>
    public static Option<IReadOnlyList<CanaryStepBody>?> Create() => new("--canary")
    {
        Description = "Which part of the clients gets the new version first, and how long: 5%, or steps such as 1%/30s,10%/2m; off for none "
            + "[default: Switch:Canary]",
        HelpName = "steps",
        CustomParser = Parse,
    };

    private static CanaryStepBody[]? Parse(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (text == "off")
        {
            return [];
        }

        var steps = text.Split(',').Select(ParseStep).ToArray();
        if (steps.All(step => step is not null))
        {
            return steps!;
        }

        result.AddError($"'{text}' is no canary; write {Allowed}");
        return null;
    }

    private static CanaryStepBody? ParseStep(string text)
    {
        var parts = text.Trim().Split('/');
        TimeSpan duration = default;
        return parts.Length <= 2
            && parts[0].EndsWith('%')
            && double.TryParse(parts[0].AsSpan(0, parts[0].Length - 1), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var share)
            && double.IsFinite(share)
            && (parts.Length == 1 || Duration.TryParse(parts[1], out duration))
            ? new CanaryStepBody(share, parts.Length == 1 ? null : duration)
            : null;
    }
}
