using System.Globalization;
using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary><c>file_server</c>.</summary>
internal sealed class FilesReader(ImportRemarks remarks)
{
    /// <summary>Caddy's own, in its order.</summary>
    public static readonly IReadOnlyList<string> IndexNames = ["index.html", "index.txt"];

    public EndStep? Read(Statement directive, Matcher matcher, Token[] arguments)
    {
        var (root, index, hide) = ((string?)null, IndexNames, new List<Token>());
        var isBrowsed = arguments is [{ Text: "browse" }];
        var goesOn = false;
        Token? status = null;
        if (arguments.Length > 0 && !isBrowsed)
        {
            remarks.Problem(arguments[0].At, $"'{arguments[0].Text}' is not understood behind file_server");
        }

        foreach (var option in directive.Block ?? [])
        {
            switch (option)
            {
                case { Name.Text: "root", Arguments: [var path] }:
                    root = path.Text;
                    break;
                case { Name.Text: "index", Arguments.Length: > 0 } when option.Words.All(IsIndexName):
                    index = [.. option.Words];
                    break;
                case { Name.Text: "hide" }:
                    hide.AddRange(option.Arguments);
                    break;
                case { Name.Text: "browse", Arguments: [], Block: null }:
                    isBrowsed = true;
                    break;
                case { Name.Text: "pass_thru", Arguments: [], Block: null }:
                    goesOn = true;
                    break;
                case { Name.Text: "status", Arguments: [var code] } when StatusMatcher.OfArgument(code.Text) is [_]:
                    status = code;
                    break;
                case { Name.Text: "precompressed" or "etag_file_extensions" }:
                    break; // sidecars are used wherever they lie
                default:
                    remarks.Problem(option.At, Why(option));
                    break;
            }
        }

        return status is not null ? new EndStep(directive, matcher, state => ErrorEnd(directive, state, root, status))
            : new EndStep(directive, matcher, state => End(directive, state, root, index, isBrowsed, hide) is not { } end ? null
            : goesOn ? end with { GoesOn = true, Beside = new JsonObject { ["PassThru"] = true } }
            : end);
    }

    /// <summary>Whether a directory can be served as a file of this name.</summary>
    public static bool IsIndexName(string name) => name.Length > 0 && !name.StartsWith('.') && !name.Contains('/', StringComparison.Ordinal);

    /// <summary>The directory of files, absolute and without placeholders.</summary>
    /// <returns>Null: a problem has said why.</returns>
    public string? DirectoryOf(string? root, SourceLine at)
    {
        if (FaultOfRoot(root, "file_server") is not { } fault)
        {
            return root!.Length > 1 ? root.TrimEnd('/') : root;
        }

        remarks.Problem(at, fault);
        return null;
    }

    /// <returns>What is wrong with the root of files, and what to do; null: nothing.</returns>
    public static string? FaultOfRoot(string? root, string who) => root is null
        ? $"{who} has no root here, so that Caddy looks into the directory it was started in; name one before it: root * /srv/app/staticfiles"
        : !root.StartsWith('/') || CaddyValue.HasPlaceholder(root)
            ? $"the root {root} is not an absolute path without placeholders; write it as /srv/app/staticfiles"
        : null;

    /// <summary>One file with the status of an error, which is an error page.</summary>
    private RouteEnd? ErrorEnd(Statement directive, RouteState state, string? ownRoot, Token status)
    {
        var page = state is { TryFiles: [var only], Rewrite: null } ? only : state.TryFiles is null ? state.Rewrite : null;
        if (page?.StartsWith('/') != true || page.AsSpan().IndexOfAny("{?") >= 0)
        {
            remarks.Problem(status.At, $"'status {status.Text}' of file_server is for one file here; write rewrite * /maintenance.html before it, in a handle");
            return null;
        }

        if (DirectoryOf(ownRoot ?? (state.TryFiles is null ? state.Root : state.TryFilesRoot), directive.At) is not { } root)
        {
            return null;
        }

        remarks.NoteOnce(directive.At, "status of files", "sends the file as an error page: in full, without ETag and Last-Modified, and with 'no-store'");
        return new RouteEnd("Respond", new JsonObject
        {
            ["Status"] = int.Parse(status.Text, CultureInfo.InvariantCulture),
            ["AsError"] = true,
        })
        {
            Beside = new JsonObject { ["ErrorResponses"] = new JsonObject { [status.Text] = new JsonObject { ["File"] = root.TrimEnd('/') + page } } },
        };
    }

    private RouteEnd? End(Statement directive, RouteState state, string? ownRoot, IReadOnlyList<string> index, bool isBrowsed, List<Token> hide)
    {
        if (DirectoryOf(ownRoot ?? state.Root, directive.At) is not { } root)
        {
            return null;
        }

        if (state.TryFiles is not null && (ownRoot ?? state.Root) != state.TryFilesRoot)
        {
            remarks.Problem(directive.At, "try_files looks in another root than file_server; name the root by a root line before both");
        }

        remarks.NoteOnce(
            directive.At,
            "files",
            "serves files: EdgeProxy responds with 404 for names that begin with a dot and for links that lead out of the root, and 405 for all methods but " +
                "GET and HEAD");
        remarks.NoteOnce(directive.At, "Cache-Control of files", ImportedFiles.WithoutCacheControl);
        var options = new JsonObject { ["Root"] = root, ["Index"] = List(index) };
        if (state.TryFiles is { } tries)
        {
            options["TryFiles"] = List(tries);
        }

        if (isBrowsed)
        {
            options["Browse"] = true;
        }

        var hidden = hide.Select(name => Hidden(name, root)).Append(CaddyfileBelow(root, directive.At)).OfType<string>().Distinct().ToList();
        if (hidden.Count > 0)
        {
            options["Hide"] = List(hidden);
        }

        options["CacheControl"] = ImportedFiles.CacheControl();
        return new RouteEnd("Files", options);
    }

    /// <summary>Caddy does not serve the file that its directive stands in, which may have passwords.</summary>
    /// <returns>As <c>Hide</c> has it; null: it lies elsewhere.</returns>
    public static string? CaddyfileBelow(string root, SourceLine at)
    {
        var (file, directory) = (Path.GetFullPath(at.File), root.TrimEnd('/') + "/");
        return file.StartsWith(directory, StringComparison.Ordinal) ? file[(directory.Length - 1)..] : null;
    }

    /// <summary>Caddy compares names with a slash with paths on the disk.</summary>
    /// <returns>Null: it is hidden anyway, or a problem has said why it cannot be.</returns>
    private string? Hidden(Token name, string root)
    {
        var text = name.Text;
        if (text.StartsWith('.') && !text.Contains('/', StringComparison.Ordinal))
        {
            return null;
        }

        if (text.Length > 0 && !text.Contains('/', StringComparison.Ordinal) && !CaddyValue.HasPlaceholder(text))
        {
            return text;
        }

        if (text.StartsWith(root.TrimEnd('/') + "/", StringComparison.Ordinal) && !CaddyValue.HasPlaceholder(text))
        {
            return text[root.TrimEnd('/').Length..].TrimEnd('/');
        }

        remarks.Problem(name.At, $"hide {text} cannot be translated: write a name, such as *.bak, or a path below the root {root}");
        return null;
    }

    private static string Why(Statement option) => option.Name.Text switch
    {
        "browse" => "a template of browse cannot be translated; without it EdgeProxy shows a listing of its own",
        _ => $"file_server's {option.Name.Text} cannot be translated; remove it",
    };

    private static JsonArray List(IEnumerable<string> texts) => new([.. texts.Select(text => (JsonNode)JsonValue.Create(text))]);
}
