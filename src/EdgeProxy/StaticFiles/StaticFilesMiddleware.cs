namespace EdgeProxy.StaticFiles;

/// <summary>Responds to whatever lies under a static path, from disk or memory, never from the app. It takes no lease: no switch waits for a
/// download.</summary>
internal sealed class StaticFilesMiddleware(RequestDelegate next, IReadOnlyList<StaticMount> mounts, StaticFileResponder files)
{
    // The more specific path wins, whatever the order in the settings.
    private readonly StaticMount[] _mounts = [.. mounts.OrderByDescending(mount => mount.Path.Length)];

    public Task InvokeAsync(HttpContext context)
    {
        var path = StaticFileResponder.PathOf(context);
        var form = StaticFileResponder.FormOf(context, path);
        foreach (var mount in _mounts)
        {
            if (mount.OwnPath(path, form) is { } own)
            {
                return files.ServeAsync(context, mount, own);
            }
        }

        return next(context);
    }
}
