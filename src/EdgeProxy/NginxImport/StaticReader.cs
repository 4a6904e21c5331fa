using System.Globalization;
using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;

namespace EdgeProxy.NginxImport;

/// <summary>Where <c>try_files</c> goes on to if there is no file.</summary>
internal sealed record Fallback(string Name, SourceLine At);

/// <summary><c>root</c>, <c>alias</c>, <c>index</c>, <c>try_files</c>, <c>autoindex</c> and <c>expires</c>.</summary>
internal sealed class StaticReader(ImportRemarks remarks)
{
    /// <returns>A route with its path as it is changed for the disk; null: nothing is served from there, and a problem has said why where one should
    /// be.</returns>
    public (JsonObject? Route, Fallback? Fallback) Read(Level level, Location? location)
    {
        var alias = level.Own.LastOrDefault(line => line.Name == "alias");
        var root = alias is null ? level.Last("root") : null;
        var tries = level.Own.LastOrDefault(line => line.Name == "try_files"); // the one directive that is not handed on
        var fallback = tries?.Arguments is [.., ['@', ..] name] ? new Fallback(name, tries.At) : null;
        if (alias is null && root is null)
        {
            // Only the compiled-in directory is left, which holds nothing of anybody.
            var isTried = tries is not null && tries.Arguments.Any(argument => argument.StartsWith('$'));
            return isTried && fallback is null ? Refuse(tries!, "has no root to look in; write one into the location")
                : (fallback is null ? Missing() : null, fallback);
        }

        var line = alias ?? root!;
        if (line.Arguments is not [['/', ..] directory] || Variables.AreIn(directory))
        {
            return Refuse(line, "write the directory as an absolute path without variables");
        }

        var (route, files) = (new JsonObject(), new JsonObject { ["Root"] = directory.Length > 1 ? directory.TrimEnd('/') : directory });
        if (alias is not null && !TryAlias(alias, directory, location, route, files))
        {
            return (null, null);
        }

        if (tries is null || !TryFiles(tries, files, route, fallback))
        {
            if (tries is not null)
            {
                return (null, null);
            }

            files["Index"] = LocationRoutes.List(level.Last("index")?.Arguments ?? ["index.html"]);
        }
        else if (alias is not null && !directory.EndsWith('/') && files["TryFiles"]?.AsArray().Any(path => !path!.GetValue<string>().StartsWith('{')) == true)
        {
            return Refuse(tries, "a page for all beside an alias; write root");
        }
        else if (files.ContainsKey("Index"))
        {
            files["Index"] = LocationRoutes.List(level.Last("index")?.Arguments ?? ["index.html"]);
        }

        if (level.Last("autoindex") is { Arguments: ["on"] })
        {
            files["Browse"] = true;
        }

        if (CacheControl(level) is { Length: > 0 } value)
        {
            files["CacheControl"] = ImportedFiles.CacheControl(value);
        }
        else
        {
            files["CacheControl"] = ImportedFiles.CacheControl();
            remarks.NoteOnce(line.At, "Cache-Control of files", ImportedFiles.WithoutCacheControl);
        }

        remarks.NoteOnce(
            line.At,
            "files",
            "serves files: EdgeProxy responds with 404 for dot files, for links that lead out of the root and for directories without an index " +
                "(nginx: 403)");
        route["Files"] = files;
        return (route, fallback);
    }

    private static JsonObject Missing() => new() { ["Respond"] = new JsonObject { ["Status"] = StatusCodes.Status404NotFound } };

    private (JsonObject? Route, Fallback? Fallback) Refuse(Directive line, string why)
    {
        remarks.Problem(line.At, $"'{line}' cannot be translated: {why}");
        return (null, null);
    }

    /// <summary>An alias stands in place of what the location names.</summary>
    private bool TryAlias(Directive alias, string directory, Location? location, JsonObject route, JsonObject files)
    {
        switch (location)
        {
            case { Kind: "=" } when !directory.EndsWith('/'):
                files["Root"] = Path.GetDirectoryName(directory);
                route["Rewrite"] = $"/{Path.GetFileName(directory).Replace("%", "%25", StringComparison.Ordinal)}";
                return true;
            case { IsPrefix: true, Path: var prefix } when prefix.EndsWith('/') && directory.EndsWith('/'):
                SetPrefix(prefix.TrimEnd('/'));
                return true;
            case { IsPrefix: true, Path: var prefix } when prefix[(prefix.LastIndexOf('/') + 1)..] is { Length: > 0 } name && directory.EndsWith($"/{name}",
                StringComparison.Ordinal): // also a file, and what begins with its name
                files["Root"] = Path.GetDirectoryName(directory);
                SetPrefix(prefix[..^(name.Length + 1)]);
                return true;
            default:
                remarks.Problem(alias.At,
                    $"'{alias}' cannot be translated: location and alias must both end with a slash, or both with one name; for a single file write " +
                        "location =");
                return false;
        }

        void SetPrefix(string prefix)
        {
            if (prefix.Length > 0)
            {
                route["StripPrefix"] = prefix;
            }
        }
    }

    /// <summary>Of a <c>try_files</c>, what is a path: the last argument is a status, a named location or a page for all.</summary>
    private bool TryFiles(Directive tries, JsonObject files, JsonObject route, Fallback? fallback)
    {
        var (last, paths) = (tries.Arguments[^1], tries.Arguments.SkipLast(1).ToList());
        var isRefused = last == "=404";
        if (fallback is null && !isRefused)
        {
            paths.Add(last);
        }

        if (paths.Count == 0 || paths.Exists(path => !(path.StartsWith("$uri", StringComparison.Ordinal) || path.StartsWith('/'))
            || Variables.AreIn(path.Replace("$uri", "", StringComparison.Ordinal)) || path.Contains('?', StringComparison.Ordinal)))
        {
            remarks.Problem(tries.At, $"'{tries}' cannot be translated: write $uri, $uri/ and paths, and at the end =404, @name or the path of a file");
            return false;
        }

        if (paths.Exists(path => path.EndsWith('/')))
        {
            files["Index"] = new JsonArray(); // filled in by the caller
        }

        if (paths is not ["$uri"])
        {
            files["TryFiles"] = LocationRoutes.List(paths.Select(path => path.Replace("$uri", "{path}", StringComparison.Ordinal)));
        }

        if (fallback is not null)
        {
            route["PassThru"] = true;
        }

        return true;
    }

    /// <summary><c>expires</c>, and <c>Cache-Control</c> of <c>add_header</c>, which come as two fields of one list.</summary>
    private string? CacheControl(Level level)
    {
        var parts = new List<string>();
        if (level.Last("expires") is { } expires)
        {
            switch (expires.Arguments)
            {
                case ["off"]:
                    break;
                case ["max"]:
                    parts.Add("max-age=315360000");
                    break;
                case ["epoch"] or ["-1"]:
                    parts.Add("no-cache");
                    break;
                case [var text] when Units.TryDuration(text, out var duration):
                    parts.Add(string.Create(CultureInfo.InvariantCulture, $"max-age={(long)duration.TotalSeconds}"));
                    break;
                default:
                    remarks.Problem(expires.At, $"'{expires}' cannot be translated; write expires 30d");
                    break;
            }
        }

        parts.AddRange(level.All("add_header")
            .Where(line => line.Arguments is [var field, _, ..] && field.Equals("Cache-Control", StringComparison.OrdinalIgnoreCase))
            .Select(line => line.Arguments[1]).Where(value => !Variables.AreIn(value)));
        return parts.Count > 0 ? string.Join(", ", parts) : null;
    }
}
