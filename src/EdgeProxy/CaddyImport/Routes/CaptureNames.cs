using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>What a <c>path_regexp</c> has found: Caddy calls it by the name of the expression (<c>{re.NAME.1}</c>), and a route, which has one expression,
/// by the group alone (<c>{re.1}</c>).</summary>
internal static partial class CaptureNames
{
    /// <summary>With the short names.</summary>
    public static string Shorten(string text) => LongName().Replace(text, "{re.$1.$2}");

    public static bool IsOne(string placeholder) => ShortName().IsMatch(placeholder);

    /// <summary>As if a route had them, for checks of the text around them.</summary>
    public static string WithoutNames(string text) => ShortName().Replace(text, "{re.1}");

    /// <summary>Puts in the groups.</summary>
    /// <param name="content">Of a route.</param>
    /// <param name="where">Its condition.</param>
    /// <param name="fault">What is wrong with one of them; null: nothing.</param>
    public static JsonObject Resolve(JsonObject content, Condition where, out string? fault)
    {
        var text = content.ToJsonString();
        fault = null;
        if (!ShortName().IsMatch(text))
        {
            return content;
        }

        string? found = null;
        var resolved = (JsonObject)JsonNode.Parse(ShortName().Replace(text, name =>
        {
            var group = GroupOf(where, name.Groups[1].Value, name.Groups[2].Value, out var problem);
            found ??= problem is null ? null : $"{name.Value} cannot be translated: {problem}";
            return string.Create(CultureInfo.InvariantCulture, $"{{re.{group}}}");
        }))!;
        fault = found ?? FaultOfRedirect(content, where);
        return resolved;
    }

    private static int GroupOf(Condition where, string name, string group, out string? problem)
    {
        problem = null;
        if (!where.Captures.TryGetValue(name, out var pattern) || where.Lists.GetValueOrDefault(Condition.PathRegex, []) is not [var own] || own != pattern)
        {
            problem = $"the path_regexp named {name} is none that all requests here match; put the line into handle @matcher {{ ... }} with it, alone";
            return 0;
        }

        if (SafeRegex.GroupsOf(pattern) is not { } groups)
        {
            problem = $"a group of {pattern} is repeated, and engines differ in what they find then; put the repetition into the group";
            return 0;
        }

        var index = int.TryParse(group, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : groups.IndexOf(group) + 1;
        problem = index > groups.Count || (index == 0 && group != "0") ? $"{pattern} has no group {group}" : null;
        return index;
    }

    /// <summary>Here a place is a path or a whole URL; another one could be chosen by the client.</summary>
    private static string? FaultOfRedirect(JsonObject content, Condition where) =>
        content["Redirect"]?["To"]?.GetValue<string>() is { } to && to.StartsWith("{re.", StringComparison.Ordinal)
            && !(ShortName().Match(to) is { Success: true } first && where.Captures[first.Groups[1].Value] is var pattern
                && pattern.StartsWith("^(/", StringComparison.Ordinal) && !pattern.Contains('|', StringComparison.Ordinal) && first.Groups[2].Value == "1")
            ? $"{to} may be no path: begin it with a slash, redir /{to}, or the expression with ^(/" : null;

    private static int IndexOf(this IReadOnlyList<string?> groups, string name)
    {
        for (var i = 0; i < groups.Count; i++)
        {
            if (groups[i] == name)
            {
                return i;
            }
        }

        return -1;
    }

    [GeneratedRegex(@"\{http\.regexp\.(\w+)\.(\w+)\}")]
    private static partial Regex LongName();

    [GeneratedRegex(@"\{re\.(\w+)\.(\w+)\}")]
    private static partial Regex ShortName();
}
