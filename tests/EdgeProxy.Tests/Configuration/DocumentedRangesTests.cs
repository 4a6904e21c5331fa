using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using EdgeProxy.Configuration;

namespace EdgeProxy.Tests.Configuration;

/// <summary>The documentation of the options is the specification of their ranges: each bound that it names is allowed, and nothing beyond.</summary>
public sealed partial class DocumentedRangesTests
{
    private static readonly Dictionary<string, string> _sections = new()
    {
        ["EdgeProxy.Switching.HealthOptions"] = "Health",
        ["EdgeProxy.Switching.SwitchOptions"] = "Switch",
        ["EdgeProxy.Switching.Hooks.HookOptions"] = "Switch:Hooks:AfterEnd:0",
        ["EdgeProxy.Fleet.FleetOptions"] = "Fleet",
        ["EdgeProxy.Notify.ReceiverOptions"] = "Notify:Receivers:ops",
        ["EdgeProxy.Switching.Companions.CompanionOptions"] = "Companions:0",
        ["EdgeProxy.Proxying.UpstreamOptions"] = "Upstream",
        ["EdgeProxy.Compression.CompressionOptions"] = "Compression",
        ["EdgeProxy.Hosting.ShutdownOptions"] = "Shutdown",
        ["EdgeProxy.Units.ProcessUnitsOptions"] = "Units:Process",
        ["EdgeProxy.Sites.UpstreamHealthOptions"] = "Sites:0:Routes:0:UpstreamHealth",
    };

    public static TheoryData<string, string, string> Ranges()
    {
        var data = new TheoryData<string, string, string>();
        foreach (var member in XDocument.Load(Path.Combine(AppContext.BaseDirectory, "edgeproxy.xml")).Descendants("member"))
        {
            var name = member.Attribute("name")!.Value;
            if (name.StartsWith("P:", StringComparison.Ordinal)
                && name.Contains("Options.", StringComparison.Ordinal)
                && Range().Match(WhiteSpace().Replace(member.Value, " ")) is { Success: true } range)
            {
                var dot = name.LastIndexOf('.');
                data.Add($"{_sections[name[2..dot]]}:{name[(dot + 1)..]}", range.Groups["min"].Value, range.Groups["max"].Value);
            }
        }

        return data;
    }

    [Fact]
    public void The_documentation_names_the_ranges_that_we_know_of() =>
        Assert.Equal(38, Ranges().Count);

    [Theory]
    [MemberData(nameof(Ranges))]
    public void Both_ends_of_a_documented_range_are_allowed_and_nothing_beyond(string key, string min, string max)
    {
        // "10 min" and "1 ms" differ in unit; a range without units is a number.
        var isDuration = max.Contains(' ', StringComparison.Ordinal) && !max.EndsWith("GB", StringComparison.Ordinal);
        var step = isDuration ? TimeSpan.TicksPerMillisecond : key.EndsWith("Ratio", StringComparison.Ordinal) ? 0.01 : 1;

        Assert.False(IsRefused(Parse(min)));
        Assert.False(IsRefused(Parse(max)));
        Assert.True(IsRefused(Parse(min) - step));
        Assert.True(IsRefused(Parse(max) + step));

        double Parse(string text) => isDuration ? Duration(text).Ticks : Number(text);

        bool IsRefused(double value)
        {
            var json = isDuration ? $"\"{TimeSpan.FromTicks((long)value):c}\"" : value.ToString("0.##", CultureInfo.InvariantCulture);
            using var file = SettingsFile.With("EdgeProxy:" + key, json);
            return file.Load().Problems.Any(problem => problem.Severity == SettingsSeverity.Error && problem.Key == "EdgeProxy:" + key);
        }
    }

    private static TimeSpan Duration(string text)
    {
        var parts = text.Split(' ');
        var count = double.Parse(parts[0], CultureInfo.InvariantCulture);
        return (parts.ElementAtOrDefault(1) ?? "s") switch
        {
            "ms" => TimeSpan.FromMilliseconds(count),
            "s" => TimeSpan.FromSeconds(count),
            "min" => TimeSpan.FromMinutes(count),
            "h" => TimeSpan.FromHours(count),
            "days" => TimeSpan.FromDays(count),
            var unit => throw new FormatException(unit),
        };
    }

    private static double Number(string text) =>
        text.EndsWith(" GB", StringComparison.Ordinal)
            ? double.Parse(text[..^3], CultureInfo.InvariantCulture) * (1 << 30)
            : double.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"(?<min>\d+(?: (?:ms|s|min|h))?)(?: \(off\))? to (?<max>\d+(?: (?:ms|s|min|h|days|GB))?)\.")]
    private static partial Regex Range();

    /// <summary>Lines of a comment are one text.</summary>
    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}
