using EdgeProxy.Proxying;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.StaticFiles;

/// <summary>Answers whatever lies under a static path, from disk or memory, never from the app. It takes no lease: no switch waits for a download.</summary>
internal sealed class StaticFilesMiddleware(RequestDelegate next, IReadOnlyList<StaticMount> mounts, StaticFileCache files, CodedForms forms)
{
    /// <summary>How often a file that is replaced between two looks is looked for again.</summary>
    private const int Tries = 3;

    private static readonly TimeSpan _retrySoon = TimeSpan.FromSeconds(2);

    // The more specific path wins, whatever the order in the settings.
    private readonly StaticMount[] _mounts = [.. mounts.OrderByDescending(mount => mount.Path.Length)];

    public Task InvokeAsync(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        foreach (var mount in _mounts)
        {
            if (mount.Owns(path))
            {
                return ServeAsync(context, mount, path);
            }
        }

        return next(context);
    }

    private async Task ServeAsync(HttpContext context, StaticMount mount, string path)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            await GatewayErrors.WriteAsync(context, StatusCodes.Status405MethodNotAllowed, "Only GET and HEAD are available here.", allow: "GET, HEAD");
            return;
        }

        for (var i = 0; i < Tries; i++)
        {
            var (outcome, file) = await files.FindAsync(mount, path);
            if (file is null)
            {
                await RefuseAsync(context, outcome);
                return;
            }

            var content = await forms.ChooseAsync(context.Request.Headers, file);
            SafeFileHandle? open = null;
            outcome = content.Bytes is null ? StaticFileCache.Open(content.Source, out open) : FileOutcome.Found;
            using (open)
            {
                if (outcome == FileOutcome.Found)
                {
                    await StaticResponse.WriteAsync(context, file, content, open);
                    return;
                }
            }

            files.Forget(file);
        }

        await RefuseAsync(context, FileOutcome.NotNow);
    }

    /// <summary>Says nothing that the request has not said: no path of this machine, and not whether a directory is there.</summary>
    internal static Task RefuseAsync(HttpContext context, FileOutcome outcome) => outcome switch
    {
        FileOutcome.Denied => GatewayErrors.WriteAsync(context, StatusCodes.Status403Forbidden, "The file is there and may not be read."),
        FileOutcome.NotNow => GatewayErrors.WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "The file cannot be read now.", _retrySoon),
        _ => GatewayErrors.WriteAsync(context, StatusCodes.Status404NotFound, "There is no such file."),
    };
}
