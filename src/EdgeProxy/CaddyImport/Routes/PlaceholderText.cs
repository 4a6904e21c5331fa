using EdgeProxy.Importing;
using EdgeProxy.Sites.Placeholders;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>Texts with placeholders: those that a template of EdgeProxy knows, by their short names; all others are problems.</summary>
internal static class PlaceholderText
{
    private static readonly Dictionary<string, string> _names = new(StringComparer.Ordinal)
    {
        ["{http.request.host}"] = "{host}",
        ["{http.request.hostport}"] = "{hostport}",
        ["{http.request.uri}"] = "{uri}",
        ["{http.request.uri.path}"] = "{path}",
        ["{http.request.uri.query}"] = "{query}",
        ["{http.request.method}"] = "{method}",
        ["{http.request.scheme}"] = "{scheme}",
        ["{http.request.remote.host}"] = "{remote_host}",
    };

    private static readonly string[] _ofTarget = ["{uri}", "{path}", "{query}"];

    /// <param name="isOfRoute">What a regular expression of its route has found may be in it, see <see cref="CaptureNames"/>.</param>
    /// <returns>Null: a problem has said why.</returns>
    public static string? Read(string text, SourceLine at, ImportRemarks remarks, bool isOfRoute = true)
    {
        text = isOfRoute ? CaptureNames.Shorten(text) : text;
        foreach (var (long_, short_) in _names)
        {
            text = text.Replace(long_, short_, StringComparison.Ordinal);
        }

        if (CaddyValue.PlaceholdersIn(text).FirstOrDefault(word => word == "{is_args}"
            || !(Placeholder.TryFind(word[1..^1], out var known) ? known.Group is null : isOfRoute && CaptureNames.IsOne(word))) is { } unknown)
        {
            remarks.Problem(at, $"{unknown} cannot be translated: {WhyNot(unknown)}");
            return null;
        }

        return text;
    }

    private static string WhyNot(string unknown) => unknown switch
    {
        "{remote}" or "{http.request.remote}" =>
            "it is the client's address with its port, which changes with each connection; write {remote_host}, the address",
        ['{', 'r', 'e', '.', ..] or ['{', 'h', 't', 't', 'p', '.', 'r', 'e', 'g', 'e', 'x', 'p', '.', ..] =>
            "what a path_regexp has found is written {re.NAME.1}, with the name of the expression (path_regexp NAME PATTERN), in redir, rewrite, respond and " +
                "headers",
        _ => $"EdgeProxy fills in {Placeholder.AllNames}; write the text without it",
    };

    /// <summary>It depends on the path or the query, which a prefix that is taken off or a rewrite changes.</summary>
    public static bool IsOfTarget(string text) => _ofTarget.Any(placeholder => text.Contains(placeholder, StringComparison.Ordinal));
}
