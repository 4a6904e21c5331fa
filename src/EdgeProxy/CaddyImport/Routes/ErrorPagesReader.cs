using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;
using EdgeProxy.Sites;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary><c>handle_errors</c> with files and texts: by status codes, what is sent in place of EdgeProxy's own error responses.</summary>
/// <remarks>Caddy sorts the directives of the block as everywhere: <c>rewrite</c>, <c>handle</c>, <c>respond</c>, <c>file_server</c>. What one of them does
/// not serve goes on to the next.</remarks>
internal sealed class ErrorPagesReader(ImportRemarks remarks, FilesReader files)
{
    private const string Right = "handle_errors is translated where the status alone chooses what is sent: root, rewrite * /{err.status_code}.html or " +
        "/down.html and file_server, or respond \"text\"; within handle blocks or with matchers for statuses, @name expression {err.status_code} == 404";

    private static readonly string[] _order = ["root", "header", "rewrite", "encode", "handle", "respond", "file_server"];

    private readonly SortedDictionary<int, JsonNode> _pages = [];
    private readonly SortedDictionary<int, JsonNode> _responses = [];
    private readonly ErrorTextReader _texts = new(remarks);

    /// <param name="errors">The directive.</param>
    /// <param name="siteRoot">The root of all requests of the site; null: there is none.</param>
    public void Read(Statement errors, string? siteRoot)
    {
        var named = new List<IEnumerable<int>>();
        foreach (var argument in errors.Arguments)
        {
            if (StatusMatcher.OfArgument(argument.Text) is not { } own)
            {
                remarks.Problem(argument.At, $"'{argument.Text}' of handle_errors is no status such as 404 or 5xx");
                return;
            }

            named.Add(own);
        }

        var codes = (named.Count > 0 ? named.SelectMany(own => own).Distinct() : StatusMatcher.All).Where(code => !IsTaken(code));
        ReadBlock(errors, [.. codes], new Scope(siteRoot, ContentType: null, []));
        AddUnavailable(errors.At);
    }

    /// <summary>Files of the site by ranges of status codes; null: none.</summary>
    public JsonObject? PagesToJson() => StatusRanges.ToJson(_pages);

    /// <summary>Texts, likewise.</summary>
    public JsonObject? ResponsesToJson() => StatusRanges.ToJson(_responses);

    /// <summary>Whether something is sent for a status code.</summary>
    public bool IsTaken(int code) => _pages.ContainsKey(code) || _responses.ContainsKey(code);

    /// <summary>An app that is down is 502 to Caddy, and 503 here once it has been waited for.</summary>
    private void AddUnavailable(SourceLine at)
    {
        const int Down = StatusCodes.Status502BadGateway;
        const int Here = StatusCodes.Status503ServiceUnavailable;
        if (IsTaken(Here) && !IsTaken(Down))
        {
            remarks.NoteOnce(at, "502 and 503", "what is sent for 503 is sent while the app is down, too: that is 503 here, and 502 in Caddy");
        }

        if (IsTaken(Here) || !IsTaken(Down))
        {
            return;
        }

        var known = _pages.ContainsKey(Down) ? _pages : _responses;
        known[Here] = known[Down].DeepClone();
        remarks.NoteOnce(at, "502 and 503", "what is sent for 502 is sent for 503 too: that is the status here while the app is down");
    }

    /// <returns>The status codes that nothing in the block serves.</returns>
    private List<int> ReadBlock(Statement block, List<int> codes, Scope scope)
    {
        var matchers = new Dictionary<string, Statement>(scope.Matchers, StringComparer.Ordinal);
        foreach (var definition in (block.Block ?? []).Where(line => line.Name.Text.StartsWith('@')))
        {
            matchers[definition.Name.Text] = definition;
        }

        scope = scope with { Matchers = matchers };
        var (open, unhandled) = (codes, codes);
        var paths = new Dictionary<int, string>();
        var lines = (block.Block ?? []).Where(line => !line.Name.Text.StartsWith('@')).ToList();
        foreach (var line in lines.OrderBy(line => Array.IndexOf(_order, line.Name.Text)).ThenBy(line => !HasMatcher(line)))
        {
            if (CodesOf(line, matchers) is not { } own)
            {
                return Refuse(line);
            }

            switch (line.Name.Text, Arguments(line))
            {
                case ("root", [var directory]) when !HasMatcher(line):
                    scope = scope with { Root = directory.Text };
                    break;
                case ("header", [{ Text: var field }, var value]) when !HasMatcher(line) && field.Equals("Content-Type", StringComparison.OrdinalIgnoreCase)
                    && !CaddyValue.HasPlaceholder(value.Text):
                    scope = scope with { ContentType = value.Text };
                    break;
                case ("rewrite", [{ Text: ['/', ..] } to]):
                    foreach (var code in own.Intersect(codes))
                    {
                        paths.TryAdd(code, to.Text); // the first rewrite that matches is the only one
                    }

                    break;
                case ("handle", []):
                    var mine = unhandled.Intersect(own).ToList();
                    unhandled = [.. unhandled.Except(own)];
                    open = [.. open.Except(mine), .. ReadBlock(line, mine, scope)];
                    break;
                case ("respond", var arguments) when _texts.Read(line, arguments, scope.ContentType) is { } response:
                    foreach (var code in open.Intersect(own))
                    {
                        _responses.TryAdd(code, response);
                    }

                    open = [.. open.Except(own)];
                    break;
                case ("file_server", []) when line.Block is null && open.Intersect(own).ToList() is var served && served.TrueForAll(paths.ContainsKey):
                    foreach (var code in served)
                    {
                        AddPage(code, scope.Root, paths[code], line);
                    }

                    open = [.. open.Except(own)];
                    break;
                case ("encode", _):
                    break;
                default:
                    return Refuse(line);
            }
        }

        return paths.Keys.Any(open.Contains) ? Refuse(block) : open;
    }

    private List<int> Refuse(Statement line)
    {
        remarks.Problem(line.At, $"'{line}' cannot be translated: {Right}");
        return [];
    }

    private static bool HasMatcher(Statement line) => line.Arguments is [{ Text: ['@', ..] }, ..];

    private static List<int>? CodesOf(Statement line, Dictionary<string, Statement> matchers) => !HasMatcher(line) ? [.. StatusMatcher.All]
        : StatusMatcher.OfDefinition(matchers.GetValueOrDefault(line.Arguments[0].Text));

    /// <summary>Those behind the matcher.</summary>
    private static Token[] Arguments(Statement line) => line.Arguments is [{ Text: "*" or ['@', ..] }, .. var rest] ? rest : line.Arguments;

    private void AddPage(int code, string? root, string path, Statement at)
    {
        var page = path.Replace("{err.status_code}", ErrorPlaceholders.Status, StringComparison.Ordinal)
            .Replace("{http.error.status_code}", ErrorPlaceholders.Status, StringComparison.Ordinal);
        if (CaddyValue.HasPlaceholder(page.Replace(ErrorPlaceholders.Status, "", StringComparison.Ordinal))
            || page.Contains('?', StringComparison.Ordinal))
        {
            remarks.Problem(at.At, $"{path} cannot be translated: {Right}");
        }
        else if (files.DirectoryOf(root, at.At) is { } directory)
        {
            _pages.TryAdd(code, JsonValue.Create(directory.TrimEnd('/') + page));
        }
    }

    /// <summary>What holds in a block and in those within it.</summary>
    private sealed record Scope(string? Root, string? ContentType, Dictionary<string, Statement> Matchers);
}
