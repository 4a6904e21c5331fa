using System.Globalization;
using System.Text.RegularExpressions;
using EdgeProxy.CaddyImport.Syntax;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>The matchers of a <c>handle_errors</c> that choose by the status code of the error alone.</summary>
internal static partial class StatusMatcher
{
    private const int First = 400;
    private const int Last = 599;

    public static IEnumerable<int> All => Enumerable.Range(First, Last - First + 1);

    /// <summary>The status codes that an argument of <c>handle_errors</c> names: <c>404</c> or <c>5xx</c>.</summary>
    /// <returns>Null: it is none.</returns>
    public static IReadOnlyList<int>? OfArgument(string text) => !StatusText().IsMatch(text) ? null
        : [.. All.Where(code => text is [var digit, 'x', 'x'] ? code / 100 == digit - '0' : text == code.ToString(CultureInfo.InvariantCulture))];

    /// <summary>The status codes that an expression names.</summary>
    /// <param name="definition">Of a named matcher; null: it is not defined.</param>
    /// <returns>Null: it is another expression.</returns>
    public static List<int>? OfDefinition(Statement? definition)
    {
        var text = definition is { Arguments: [{ Text: "expression" }, .. var rest], Block: null } ? string.Join(' ', rest.Select(token => token.Text))
            : definition is { Arguments: [{ IsQuoted: true } quoted], Block: null } ? quoted.Text // an expression without its name
            : definition is { Block: [{ Name.Text: "expression", Block: null } line] } ? string.Join(' ', line.Words)
            : "";
        return text.Length == 0 ? null : OfExpression(text);
    }

    /// <summary><c>&amp;&amp;</c> binds before <c>||</c>.</summary>
    private static List<int>? OfExpression(string text)
    {
        var parts = text.Split("||").Select(OfConjunction).ToList();
        return parts.Contains(null) ? null : [.. All.Where(status => parts.Exists(part => part!.Contains(status)))];
    }

    private static List<int>? OfConjunction(string text)
    {
        var all = All;
        foreach (var part in text.Split("&&"))
        {
            if (Comparison().Match(part) is { Success: true } compared)
            {
                var code = int.Parse(compared.Groups["code"].Value, CultureInfo.InvariantCulture);
                all = all.Where(status => compared.Groups["sign"].Value switch
                {
                    "==" => status == code,
                    "!=" => status != code,
                    ">=" => status >= code,
                    ">" => status > code,
                    "<=" => status <= code,
                    _ => status < code,
                });
            }
            else if (Membership().Match(part) is { Success: true } listed)
            {
                all = all.Intersect(listed.Groups["codes"].Value.Split(',').Select(code => int.Parse(code, CultureInfo.InvariantCulture)));
            }
            else
            {
                return null;
            }
        }

        return [.. all];
    }

    [GeneratedRegex(@"^\s*\{(err|http\.error)\.status_code\}\s*(?<sign>==|!=|>=|<=|>|<)\s*(?<code>\d{3})\s*$")]
    private static partial Regex Comparison();

    [GeneratedRegex(@"^\s*\{(err|http\.error)\.status_code\}\s+in\s+\[(?<codes>\s*\d{3}\s*(,\s*\d{3}\s*)*)\]\s*$")]
    private static partial Regex Membership();

    [GeneratedRegex(@"^[45](xx|\d\d)$")]
    private static partial Regex StatusText();
}
