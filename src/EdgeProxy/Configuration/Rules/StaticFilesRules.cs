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
                at.RequestPath(nameof(entry.Path), entry.Path);
                if (entries.Take(i).Any(earlier => earlier.Path?.TrimEnd('/') == entry.Path!.TrimEnd('/')))
                {
                    at.Error(nameof(entry.Path), "is there twice; list further directories in Fallbacks");
                }
            }

            if (at.Required(nameof(entry.Root), entry.Root, "the directory, such as /srv/app/staticfiles"))
            {
                AbsolutePath(at, nameof(entry.Root), entry.Root!);
            }

            at.Each(nameof(entry.Fallbacks), entry.Fallbacks, AbsolutePath);
        }
    }

    private static void AbsolutePath(SettingsScope at, string key, string path)
    {
        if (!Path.IsPathRooted(path))
        {
            at.Error(key, "must be an absolute path: it starts with /");
        }
    }
}
