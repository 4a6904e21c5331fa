using EdgeProxy.Configuration;

namespace EdgeProxy.StaticFiles;

/// <summary><c>StaticFiles</c>.</summary>
internal static class StaticFilesRules
{
    /// <param name="root">What the list belongs to.</param>
    /// <param name="list">Its key.</param>
    /// <param name="entries">Its entries.</param>
    public static void Check(SettingsScope root, string list, IReadOnlyList<StaticFilesOptions>? entries)
    {
        for (var i = 0; i < (entries?.Count ?? 0); i++)
        {
            var entry = entries![i];
            var at = root.In(list, i);
            if (at.Required(nameof(entry.Path), entry.Path, "the path prefix, such as /static"))
            {
                CheckPath(at, nameof(entry.Path), entry.Path!);
                if (entries.Take(i).Any(earlier => string.Equals(earlier.Path?.TrimEnd('/'), entry.Path!.TrimEnd('/'), StringComparison.OrdinalIgnoreCase)))
                {
                    at.Error(nameof(entry.Path), "is there twice; list further directories in Fallbacks");
                }
            }

            CheckFiles(at, entry);
            if (entry.UserContent && entries.FirstOrDefault(other => !other.UserContent && Holds(other.Root, entry.Root)) is { } open)
            {
                at.Warn(
                    nameof(entry.Root),
                    $"lies in the root of {open.Path}, where the same files are served without the protection of UserContent; move it out of {open.Root}");
            }
        }
    }

    /// <param name="at">What the files belong to.</param>
    /// <param name="files">Its own keys.</param>
    public static void CheckFiles(SettingsScope at, FilesOptions files)
    {
        if (at.Required(nameof(files.Root), files.Root, "the directory, such as /srv/app/staticfiles"))
        {
            CheckRoot(at, nameof(files.Root), files.Root!);
        }

        at.Each(nameof(files.Fallbacks), files.Fallbacks, CheckRoot);
        at.Each(nameof(files.Index), files.Index, CheckIndex);
        at.Each(nameof(files.TryFiles), files.TryFiles, CheckTry);
        at.Each(nameof(files.Hide), files.Hide, CheckPattern);
        for (var i = 0; i < (files.CacheControl?.Length ?? 0); i++)
        {
            var rule = files.CacheControl![i];
            var ruleAt = at.In(nameof(files.CacheControl), i);
            if (ruleAt.Required(nameof(rule.Path), rule.Path, "the files' path or name, such as /assets/* or *.woff2"))
            {
                CheckPattern(ruleAt, nameof(rule.Path), rule.Path!);
            }

            if (rule.Value is null)
            {
                ruleAt.Required(nameof(rule.Value), rule.Value, "the value of Cache-Control, such as public, max-age=86400; empty for none");
            }
            else if (rule.Value.Any(character => character is < ' ' or > '~'))
            {
                ruleAt.Error(nameof(rule.Value), "must be a header value: printable ASCII");
            }
        }
    }

    private static void CheckIndex(SettingsScope at, string key, string name)
    {
        if (name.Length == 0 || name[0] == '.' || name.Contains('/', StringComparison.Ordinal))
        {
            at.Error(key, "must be the name of a file, such as index.html: it has no slash and does not begin with a dot");
        }
    }

    private static void CheckTry(SettingsScope at, string key, string pattern)
    {
        var rest = pattern.StartsWith("{path}", StringComparison.Ordinal) ? "/" + pattern["{path}".Length..] : pattern;
        if (!rest.StartsWith('/') || rest.Contains('{', StringComparison.Ordinal) || rest.Split('/').Any(segment => segment is "." or ".."))
        {
            at.Error(
                key,
                "must be {path}, {path} with something behind it, such as {path}.html, or a path that starts with /, such as /index.html, with no . or .. "
                + "segment (what is not found is 404 without =404)");
        }
    }

    private static void CheckPattern(SettingsScope at, string key, string pattern)
    {
        if (pattern.Trim('/').Length == 0 || pattern.Split('/').Any(segment => segment is "." or ".."))
        {
            at.Error(key, "must be a name, such as *.bak, or a path that starts with /, such as /private/*, with no . or .. segment");
        }
        else if (pattern.Contains('/', StringComparison.Ordinal) && pattern[0] != '/')
        {
            at.Error(key, $"must start with / where it is a path: /{pattern}");
        }
    }

    private static void CheckPath(SettingsScope at, string key, string path)
    {
        at.RequestPath(key, path);
        if (path.Contains('?', StringComparison.Ordinal))
        {
            at.Error(key, "must be a path without a query");
        }

        if (path == "/")
        {
            at.Warn(key, "takes every request: the app gets none");
        }
    }

    private static bool Holds(string? above, string? below) =>
        above is not null && below is not null && $"{below.TrimEnd('/')}/".StartsWith($"{above.TrimEnd('/')}/", StringComparison.Ordinal);

    /// <summary>A directory that cannot be read is no reason not to start: it may be there after the first deploy, and the app is served meanwhile.</summary>
    private static void CheckRoot(SettingsScope at, string key, string path)
    {
        if (!Path.IsPathRooted(path))
        {
            at.Error(key, "must be an absolute path: it starts with /");
        }
        else if (new RootDirectory(path).Look() is not FileOutcome.Found and var outcome)
        {
            at.Warn(key, outcome == FileOutcome.Denied
                ? $"cannot be entered by {Environment.UserName}: its files get 403; let the proxy's user search the directory and all above it " +
                    "(chmod o+x)"
                : "is no directory: until it is one, its files get 404");
        }
    }
}
