using System.Collections.Immutable;
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
    private const string Right =
        "handle_errors is translated where the status alone chooses what is sent: header, root, rewrite * /{err.status_code}.html or /down.html and " +
        "file_server, or respond \"text\"; within handle blocks or with matchers for statuses, @name expression {err.status_code} == 404";

    private static readonly string[] _order = ["root", "header", "rewrite", "encode", "handle", "respond", "file_server"];

    private readonly SortedDictionary<int, JsonNode> _pages = [];
    private readonly SortedDictionary<int, JsonNode> _responses = [];
    private readonly Dictionary<int, ImmutableList<FieldChange>> _headers = [];
    private readonly ErrorTextReader _texts = new(remarks);
    private readonly FieldChangeReader _fields = new(remarks, isOfError: true);

    /// <param name="errors">The directive.</param>
    /// <param name="siteRoot">The root of all requests of the site; null: there is none.</param>
    /// <param name="hasUnavailable">Whether Caddy too has errors of status 503 in this site.</param>
    public void Read(Statement errors, string? siteRoot, bool hasUnavailable)
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
        AddHeaders();
        AddUnavailable(errors.At, hasUnavailable);
    }

    /// <summary>Files of the site by ranges of status codes; null: none.</summary>
    public JsonObject? PagesToJson() => StatusRanges.ToJson(_pages);

    /// <summary>Texts, likewise.</summary>
    public JsonObject? ResponsesToJson() => StatusRanges.ToJson(_responses);

    /// <summary>Whether something is sent for a status code.</summary>
    public bool IsTaken(int code) => _pages.ContainsKey(code) || _responses.ContainsKey(code);

    /// <summary>To what is sent for each status code; where that is nothing, the header alone.</summary>
    private void AddHeaders()
    {
        foreach (var (code, changes) in _headers)
        {
            if (changes.FirstOrDefault(change => changes.Count(other => other.IsOf(change.Field)) > 1) is { } twice)
            {
                remarks.Problem(twice.At, $"{twice.Field} is changed by two lines for one status; write one");
                return;
            }

            var content = ResponseOf(code);
            content["Headers"] = new JsonObject(changes.GroupBy(change => change.Verb).Select(verb => KeyValuePair.Create(
                $"{verb.Key}",
                verb.Key == FieldVerb.Remove ? Condition.ListOf([.. verb.Select(change => change.Field)])
                    : (JsonNode?)new JsonObject(verb.Select(change => KeyValuePair.Create(change.Field, (JsonNode?)JsonValue.Create(change.Value)))))));
        }

        _headers.Clear();
    }

    /// <summary>What is sent for a status code, in the form that has a file beside other keys.</summary>
    private JsonObject ResponseOf(int code)
    {
        if (_pages.Remove(code, out var page))
        {
            _responses[code] = new JsonObject { [nameof(ErrorResponseOptions.File)] = page };
        }

        return (JsonObject)(_responses.TryGetValue(code, out var known) ? known : _responses[code] = new JsonObject());
    }

    /// <summary>An app that is down is 502 to Caddy, and 503 here once it has been waited for.</summary>
    private void AddUnavailable(SourceLine at, bool hasUnavailable)
    {
        const int Down = StatusCodes.Status502BadGateway;
        const int Here = StatusCodes.Status503ServiceUnavailable;
        if (IsTaken(Here) && !IsTaken(Down))
        {
            remarks.NoteOnce(at, "502 and 503", "what is sent for 503 is sent while the app is down, too: that is 503 here, and 502 in Caddy");
        }

        if ((IsTaken(Here) && hasUnavailable) || !IsTaken(Down) || IsAlike(Here, Down))
        {
            return;
        }

        _pages.Remove(Here);
        _responses.Remove(Here);
        if (_pages.TryGetValue(Down, out var page))
        {
            _pages[Here] = page.GetValue<string>().Replace(ErrorPlaceholders.Status, $"{Down}", StringComparison.Ordinal);
        }
        else
        {
            var response = (JsonObject)(_responses[Here] = _responses[Down].DeepClone());
            if (response[nameof(ErrorResponseOptions.File)]?.GetValue<string>() is { } file)
            {
                response[nameof(ErrorResponseOptions.File)] = file.Replace(ErrorPlaceholders.Status, $"{Down}", StringComparison.Ordinal);
            }
        }

        remarks.NoteOnce(at, "502 and 503",
            "what is sent for 502 is sent for 503 (in ErrorPages, ErrorResponses), too: that is the status here while the app is down, paused or in " +
                "maintenance");
    }

    /// <summary>Whether two status codes have the same content, which may name them.</summary>
    private bool IsAlike(int one, int other) => _pages.TryGetValue(one, out var page)
        ? _pages.TryGetValue(other, out var otherPage) && page.GetValue<string>() == otherPage.GetValue<string>()
            && !page.GetValue<string>().Contains(ErrorPlaceholders.Status, StringComparison.Ordinal)
        : !_pages.ContainsKey(other) && _responses.TryGetValue(one, out var text) && _responses.TryGetValue(other, out var otherText)
            && JsonNode.DeepEquals(text, otherText)
            && text[nameof(ErrorResponseOptions.File)]?.GetValue<string>().Contains(ErrorPlaceholders.Status, StringComparison.Ordinal) != true;

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
                case ("header", var arguments):
                    var changes = _fields.ReadResponse(line, arguments);
                    foreach (var code in own.Intersect(codes))
                    {
                        _headers[code] = _headers.GetValueOrDefault(code, []).AddRange(changes);
                    }

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
                case ("file_server", []) when ErrorFiles.Read(line) is { } served:
                    var wanted = open.Intersect(own).ToList();
                    if (paths.Count == 0)
                    {
                        return Refuse(line);
                    }

                    if (!wanted.TrueForAll(paths.ContainsKey))
                    {
                        remarks.Problem(
                            line.At,
                            "file_server looks for the page of those errors, too, that no rewrite takes, at the path of the client; write file_server with " +
                                "the matchers of rewrite, or handle blocks");
                        return [];
                    }

                    foreach (var code in wanted)
                    {
                        AddPage(code, served.Root ?? scope.Root, paths[code], scope.ContentType, served.Status, line);
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

    private void AddPage(int code, string? root, string path, string? contentType, int? status, Statement at)
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
            if (contentType is not null)
            {
                ResponseOf(code)[nameof(ErrorResponseOptions.ContentType)] = contentType;
            }

            if (status is { } own && own != code)
            {
                ResponseOf(code)[nameof(ErrorResponseOptions.Status)] = own;
            }
        }
    }

    /// <summary>What holds in a block and in those within it.</summary>
    private sealed record Scope(string? Root, string? ContentType, Dictionary<string, Statement> Matchers);
}
