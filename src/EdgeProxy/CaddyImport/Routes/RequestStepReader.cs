using System.Text;
using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Sites;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;
using EdgeProxy.Sites.BasicAuth;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>Directives that change a request, or what becomes of its response, and let it go on.</summary>
internal sealed class RequestStepReader(ImportRemarks remarks, SettingsDraft behaviour)
{
    private readonly FieldChangeReader _fields = new(remarks);

    /// <returns>Null: it is another directive, or a problem has said why not.</returns>
    public RouteStep? Read(Statement directive, Matcher matcher, Token[] arguments, bool isSorted) => directive.Name.Text switch
    {
        "root" => Root(directive, matcher, arguments, isSorted),
        "header" => Header(directive, matcher, arguments),
        "request_body" => RequestBody(directive, matcher, arguments),
        "rewrite" => Rewrite(directive, matcher, arguments, isSorted),
        "uri" => Uri(directive, matcher, arguments),
        "try_files" => TryFiles(directive, matcher, arguments),
        "basicauth" or "basic_auth" => BasicAuth(directive, matcher, arguments),
        "request_header" => RequestHeader(directive, matcher, arguments),
        "encode" => Encode(directive, matcher, arguments),
        _ => null,
    };

    /// <summary>Takes a prefix off the path.</summary>
    public static ChangeStep Strip(Statement directive, Matcher matcher, string prefix) => new ChangeStep(directive, matcher, null, (state, where) =>
        state.IsPathChanged ? (state,
            $"'{directive}' takes something off a path that was changed before, which is not translated; write one handle_path with the " +
            "whole prefix")
        : FaultOfFields(state, directive) is { } fault ? (state, fault)
        : (state with
        {
            StripPrefix = prefix,
            IsStripSure = where.Paths is { } paths && paths.All(path => PathSets.IsBelow(path, prefix)),
        }, null));

    /// <summary>Fields of what is forwarded have the path as it is at the end.</summary>
    private static string? FaultOfFields(RouteState state, Statement directive) =>
        state.RequestFields.Find(change => PlaceholderText.IsOfTarget(change.Value)) is { } early
            ? $"'{directive}' changes the path that {early.Field} has had before (line {early.At.Line}); write the field as header_up, or without the path"
            : null;

    private static ChangeStep Always(Statement directive, Matcher matcher, Func<RouteState, RouteState> change, string? kind = null) =>
        new(directive, matcher, kind, (state, _) => (change(state), null));

    private ChangeStep? Root(Statement directive, Matcher matcher, Token[] arguments, bool isSorted)
    {
        var (path, taken) = (arguments, directive.Arguments) switch
        {
            ([var only], _) => (only, matcher),
            ([], [{ Text: ['/', ..] } only]) => (only, Matcher.All), // "root /srv", as later versions read it
            _ => (null, matcher),
        };
        return path is null ? Malformed(directive, "root * /srv/app/staticfiles")
            : Always(directive, taken, state => state with { Root = path.Text }, isSorted ? "root" : null);
    }

    private ChangeStep Header(Statement directive, Matcher matcher, Token[] arguments)
    {
        var changes = _fields.ReadResponse(directive, arguments);
        return new ChangeStep(directive, matcher, null, (state, _) => state.IsPathChanged && changes.Exists(change => PlaceholderText.IsOfTarget(change.Value))
            ? (state, $"'{directive}' has the path as it was changed before, and headers have that of the client; write it without the path")
            : (state with { ResponseFields = state.ResponseFields.AddRange(changes) }, null));
    }

    private ChangeStep? RequestHeader(Statement directive, Matcher matcher, Token[] arguments)
    {
        var lines = arguments is [var first, .. var rest] ? [new Statement(first, rest, Block: null)] : directive.Block ?? [];
        if (lines.FirstOrDefault(line => RequestHeaders.IsOfProxy(line.Name.Text)) is { } lost)
        {
            remarks.Problem(lost.At, $"'{lost}' has no effect in Caddy either: reverse_proxy sets the field behind it; write it as header_up");
            return null;
        }

        var changes = lines.Select(line => _fields.ReadLine(line)).OfType<FieldChange>().SelectMany(WithForwarded).ToList();
        return Always(directive, matcher, state => state with { RequestFields = state.RequestFields.AddRange(changes) });

        // reverse_proxy, which comes behind, takes the host for the client's.
        static IEnumerable<FieldChange> WithForwarded(FieldChange change) =>
            change.IsOf("Host") ? [change, change with { Field = "X-Forwarded-Host" }] : [change];
    }

    private ChangeStep? RequestBody(Statement directive, Matcher matcher, Token[] arguments)
    {
        if (arguments is [] && directive.Block is [{ Name.Text: "max_size", Arguments: [var size] }] && CaddyValue.TrySize(size.Text, out var bytes))
        {
            return Always(directive, matcher, state => state with { MaxRequestBodySize = bytes });
        }

        return Malformed(directive, "request_body { max_size 10MB }");
    }

    private ChangeStep? Rewrite(Statement directive, Matcher matcher, Token[] arguments, bool isSorted)
    {
        if (arguments is [{ Text: "{file_match.relative}" or "{http.matchers.file.relative}" }] && matcher.Condition.OnlyFiles is { } files)
        {
            return TryFiles(directive, Matcher.All with { Text = null }, files); // the long form of try_files
        }

        if (arguments is not [{ Text: ['/', ..] or ['{', 'u', 'r', 'i', '}', ..] or ['{', 'p', 'a', 't', 'h', '}', ..] } to]
            || to.Text.Contains('#', StringComparison.Ordinal)) // no part of a target
        {
            return Malformed(directive, "rewrite * /new{uri}");
        }

        return PlaceholderText.Read(to.Text, to.At, remarks) is not { } target ? null : new ChangeStep(
            directive,
            matcher,
            isSorted ? JoinedRoutes.Rewrite : null,
            (state, _) =>
            (state.Rewrite is { } before && !IsWhole(before, target)) || state.TryFiles is not null
                ? (state, $"'{directive}' rewrites a path that was rewritten before, which is not translated; write one rewrite")
                : FaultOfFields(state, directive) is { } fault ? (state, fault)
                : (state with { Rewrite = target }, null));
    }

    /// <summary>A path without a query leaves the query as it is.</summary>
    private static bool IsWhole(string before, string target) => !before.Contains('?', StringComparison.Ordinal) && target.AsSpan().IndexOfAny("?{") < 0;

    private ChangeStep? Uri(Statement directive, Matcher matcher, Token[] arguments)
    {
        if (arguments is [{ Text: "strip_prefix" }, { Text: ['/', ..] prefix }] && prefix.AsSpan().IndexOfAny("{?%*") < 0)
        {
            return Strip(directive, matcher, prefix.TrimEnd('/'));
        }

        remarks.Problem(directive.At, Refusals.Of(directive));
        return null;
    }

    private ChangeStep? TryFiles(Statement directive, Matcher matcher, Token[] arguments)
    {
        var tries = arguments.Select(argument => argument.Text.Replace("{http.request.uri.path}", "{path}", StringComparison.Ordinal)).ToList();
        if (tries is [.., "=404"])
        {
            tries.RemoveAt(tries.Count - 1); // what is not found is 404
        }

        if (directive.Block is not null || tries.Count == 0 || tries.Exists(text => CaddyValue.HasPlaceholder(text.Replace("{path}",
            "", StringComparison.Ordinal))
            || text.AsSpan().IndexOfAny("?*=") >= 0 || !(text.StartsWith('/') || text.StartsWith("{path}", StringComparison.Ordinal))))
        {
            return Malformed(directive, "try_files {path} /index.html, with file_server behind it; other placeholders, globs and queries have no counterpart");
        }

        return TryFiles(directive, matcher, tries);
    }

    /// <remarks><c>{path}</c> of a directory is <c>/</c>: Caddy looks for the directory then.</remarks>
    private static ChangeStep TryFiles(Statement directive, Matcher matcher, IReadOnlyList<string> tries) =>
        new(directive, matcher, null, (state, _) => state.TryFiles is not null || state.Rewrite is not null
            ? (state, $"'{directive}' looks for a path that was changed before, which is not translated; write one of the two")
            : FaultOfFields(state, directive) is { } fault ? (state, fault)
            : (state with { TryFiles = [.. tries], TryFilesRoot = state.Root, TryFilesAt = directive }, null));

    private ChangeStep? BasicAuth(Statement directive, Matcher matcher, Token[] arguments)
    {
        var users = new JsonObject();
        foreach (var line in directive.Block ?? [])
        {
            if (line.Arguments is not [var hash] || HashOf(hash.Text) is not { } bcrypt || users.ContainsKey(line.Name.Text))
            {
                remarks.Problem(line.At, $"the user {line.Name.Text} must have one bcrypt hash, as caddy hash-password prints it");
                continue;
            }

            users[line.Name.Text] = bcrypt;
        }

        if (arguments is not ([] or [{ Text: "bcrypt" }] or [{ Text: "bcrypt" }, _]) || users.Count == 0)
        {
            return Malformed(directive, $"{directive.Name.Text} /admin/* {{ NAME HASH }}, with hashes of bcrypt");
        }

        var options = new JsonObject { ["Users"] = users };
        if (arguments is [_, var realm])
        {
            options["Realm"] = realm.Text;
        }

        return new ChangeStep(directive, matcher, null, (state, _) => state.BasicAuth is null
            ? (state with { BasicAuth = options }, null)
            : (state, $"'{directive}' asks for a second password, and a route has one; write one {directive.Name.Text} for these requests"));
    }

    /// <summary>Plain, or in base64 as earlier versions wrote it.</summary>
    private static string? HashOf(string text)
    {
        var room = new byte[text.Length];
        var hash = text.StartsWith('$') ? text
            : Convert.TryFromBase64String(text, room, out var length) ? Encoding.ASCII.GetString(room, 0, length) : "";
        return BcryptHash.IsValid(hash) ? hash : null;
    }

    private ChangeStep Encode(Statement directive, Matcher matcher, Token[] arguments)
    {
        var encodings = EncodeReader.Read(directive, PathMatcher.All, arguments, remarks, behaviour).Encodings;
        return Always(directive, matcher, state => state with { Encodings = state.Encodings ?? encodings });
    }

    private ChangeStep? Malformed(Statement directive, string right)
    {
        remarks.Problem(directive.At, $"'{directive}' is not understood; write {right}");
        return null;
    }
}
