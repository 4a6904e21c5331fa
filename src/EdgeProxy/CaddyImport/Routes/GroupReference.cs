using System.Globalization;
using System.Text.RegularExpressions;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>What a replacement asks of the regular expression, as Go has it (<c>Regexp.Expand</c>): <c>$1</c>, <c>${1}</c>, <c>$name</c>; the longest name
/// counts, so that <c>$1x</c> is the group <c>1x</c>, and one that is not there is empty.</summary>
internal static partial class GroupReference
{
    /// <summary>With the forms of <see cref="EdgeProxy.Sites.ReplaceOptions"/>.</summary>
    /// <returns>Null: a <c>$</c> is none of it.</returns>
    public static string? Write(string text, string pattern)
    {
        var groups = SafeRegex.GroupsOf(pattern) ?? [];
        var isKnown = true;
        var written = Reference().Replace(text, found =>
        {
            var name = found.Groups["name"].Value;
            isKnown &= found.Value == "$$" || name.Length > 0;
            var index = int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : groups.ToList().IndexOf(name) + 1;
            return found.Value == "$$" ? "$$" : index > groups.Count || (index == 0 && name != "0") ? "" : $"${{{index}}}";
        });
        return isKnown ? written : null;
    }

    [GeneratedRegex(@"\$(\$|\{(?<name>\w+)\}|(?<name>\w+))?")]
    private static partial Regex Reference();
}
