using EdgeProxy.StaticFiles;

namespace EdgeProxy.Configuration.Rules;

/// <summary><c>StaticFiles</c>.</summary>
internal static class StaticFilesRules
{
    public static void Check(SettingsScope root, IReadOnlyList<StaticFilesOptions>? entries)
    {
        for (var i = 0; i < (entries?.Count ?? 0); i++)
        {
            var entry = entries![i];
            var at = root.In(nameof(EdgeProxyOptions.StaticFiles), i);
            if (at.Required(nameof(entry.Path), entry.Path, "the path prefix, such as /static"))
            {
                CheckPath(at, nameof(entry.Path), entry.Path!);
                if (entries.Take(i).Any(earlier => earlier.Path?.TrimEnd('/') == entry.Path!.TrimEnd('/')))
                {
                    at.Error(nameof(entry.Path), "is there twice; list further directories in Fallbacks");
                }
            }

            if (at.Required(nameof(entry.Root), entry.Root, "the directory, such as /srv/app/staticfiles"))
            {
                CheckRoot(at, nameof(entry.Root), entry.Root!);
            }

            if (entry.UserContent && entries.FirstOrDefault(other => !other.UserContent && Holds(other.Root, entry.Root)) is { } open)
            {
                at.Warn(nameof(entry.Root), $"lies in the root of {open.Path}, where the same files are served without the protection of UserContent; move it out of {open.Root}");
            }

            at.Each(nameof(entry.Fallbacks), entry.Fallbacks, CheckRoot);
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
                ? $"cannot be entered by {Environment.UserName}: its files are answered with 403; let the proxy's user search the directory and all above it (chmod o+x)"
                : "is no directory: until it is one, its files are answered with 404");
        }
    }
}
