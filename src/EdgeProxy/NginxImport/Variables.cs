using System.Text.RegularExpressions;
using EdgeProxy.Importing;

namespace EdgeProxy.NginxImport;

/// <summary>Texts with variables: as templates of EdgeProxy.</summary>
internal static partial class Variables
{
    private static readonly Dictionary<string, string> _placeholders = new(StringComparer.Ordinal)
    {
        ["host"] = "{host}",
        ["http_host"] = "{hostport}",
        ["request_uri"] = "{uri}",
        ["uri"] = "{path}",
        ["document_uri"] = "{path}",
        ["args"] = "{query}",
        ["query_string"] = "{query}",
        ["is_args"] = "{is_args}",
        ["scheme"] = "{scheme}",
        ["request_method"] = "{method}",
        ["remote_addr"] = "{remote_host}",
    };

    /// <param name="text">With <c>$name</c> and <c>${name}</c>.</param>
    /// <param name="server">Whose name and port stand for <c>$server_name</c> and <c>$server_port</c>.</param>
    /// <returns>Null: a problem has said why.</returns>
    public static string? Translate(string text, ServerPlace server, SourceLine at, ImportRemarks remarks)
    {
        string? unknown = null;
        var translated = Variable().Replace(Brace().Replace(text, @"\{"), variable =>
        {
            var name = variable.Groups["name"].Value;
            var known = name switch
            {
                "server_name" => server.Name,
                "server_port" => $"{server.Port}",
                _ => _placeholders.GetValueOrDefault(name),
            };
            unknown ??= known is null ? variable.Value : null;
            return known ?? "";
        });
        if (unknown is null)
        {
            return translated;
        }

        var isGroup = char.IsAsciiDigit(unknown.TrimStart('$', '{')[0]);
        remarks.Problem(at, isGroup ? $"{unknown}, a group of a regular expression, cannot be translated: write a server or a location for each of its texts"
            : $"{unknown} cannot be translated: EdgeProxy fills in ${string.Join(", $", _placeholders.Keys)}; write the text without it");
        return null;
    }

    /// <summary>It has one, which nginx fills in for each request.</summary>
    public static bool AreIn(string text) => Variable().IsMatch(text);

    [GeneratedRegex(@"\$(?:(?<name>[A-Za-z0-9_]+)|\{(?<name>[A-Za-z0-9_]+)\})")]
    private static partial Regex Variable();

    /// <summary>One that would begin a placeholder of EdgeProxy.</summary>
    [GeneratedRegex(@"(?<!\$)\{(?=[A-Za-z_])")]
    private static partial Regex Brace();
}
