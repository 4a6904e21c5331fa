using EdgeProxy.Proxying;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.StaticFiles;

/// <summary>Responds to a request with what lies under its path, from disk or memory.</summary>
internal sealed class StaticFileResponder(StaticFileCache files, FileLookup lookup, EncodedVariants forms, TimeProvider time)
{
    /// <summary>How often a file that is replaced between two looks is looked for again.</summary>
    private const int Tries = 3;

    private static readonly TimeSpan _retrySoon = TimeSpan.FromSeconds(2);

    /// <summary>The path that a request asks for, as bytes where it is not UTF-8.</summary>
    /// <remarks>Kestrel leaves escapes that are no UTF-8 as they stand, so that in its path <c>caf%E9</c> and <c>caf%25E9</c>, two files, are one.</remarks>
    public static string PathOf(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        return path.Contains('%') && RequestTarget.PathAndQuery(context.Features.Get<IHttpRequestFeature>()!.RawTarget) is { } target
            ? ByteName.DecodePath(target)
            : path;
    }

    /// <summary>The path by which its entry is found, as routes of sites are: an encoded slash is one, and several are one. An app resolves both, too, so
    /// that what was meant for files would be asked of it.</summary>
    /// <param name="path">As of <see cref="PathOf"/>.</param>
    public static string FormOf(HttpContext context, string path)
    {
        var form = path.Contains(ByteName.EncodedSlash, StringComparison.OrdinalIgnoreCase)
            && RequestTarget.PathAndQuery(context.Features.Get<IHttpRequestFeature>()!.RawTarget) is { } target
            ? ByteName.DecodePath(target.Replace(ByteName.EncodedSlash, "/", StringComparison.OrdinalIgnoreCase))
            : path;
        while (form.Contains("//", StringComparison.Ordinal))
        {
            form = form.Replace("//", "/", StringComparison.Ordinal);
        }

        return form;
    }

    /// <param name="context">Any request.</param>
    /// <param name="mount">Owns the path.</param>
    /// <param name="path">As of <see cref="PathOf"/>, or what was made of it.</param>
    /// <param name="passesOn">Others may serve what is not there.</param>
    /// <returns>False: nothing is there, and no response was begun.</returns>
    public async Task<bool> ServeAsync(HttpContext context, StaticMount mount, string path, bool passesOn = false)
    {
        var isRead = HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method);
        if (!isRead && !passesOn)
        {
            await RefuseMethodAsync(context);
            return true;
        }

        for (var i = 0; i < Tries; i++)
        {
            FoundPath found = mount.IsPlain ? await files.FindAsync(mount, path) : await lookup.FindAsync(mount, path);
            if (passesOn && found.File is null && !(found.Outcome == FileOutcome.Directory && mount.Browse)
                && found.Finding is not (Finding.SlashMissing or Finding.SlashTooMuch))
            {
                return false;
            }

            if (!isRead)
            {
                await RefuseMethodAsync(context);
                return true;
            }

            if (found.Finding is Finding.SlashMissing or Finding.SlashTooMuch && RedirectOf(context, found) is { } location)
            {
                context.Response.StatusCode = StatusCodes.Status308PermanentRedirect;
                context.Response.Headers.Location = location;
                context.Response.ContentLength = 0;
                return true;
            }

            if (found.File is not { } file)
            {
                await (found.Outcome == FileOutcome.Directory && mount.Browse
                    ? DirectoryListing.WriteAsync(context, mount, path)
                    : RefuseAsync(context, found.Outcome));
                return true;
            }

            var content = await forms.ChooseAsync(context.Request.Headers, file);
            SafeFileHandle? open = null;
            FileOutcome outcome;
            if (ReferenceEquals(content, file.Plain) && content.Bytes is null)
            {
                (outcome, file) = files.OpenPlain(file, mount, out open);
                content = file.Plain;
            }
            else
            {
                outcome = content.Bytes is null ? StaticFileCache.Open(content.Source, out open) : FileOutcome.Found;
            }

            using (open)
            {
                if (outcome == FileOutcome.Found)
                {
                    await StaticResponse.WriteAsync(context, file, content, open, time);
                    return true;
                }
            }

            files.Forget(file);
        }

        await RefuseAsync(context, FileOutcome.NotNow);
        return true;
    }

    private static Task RefuseMethodAsync(HttpContext context) => GatewayErrors.WriteAsync(
        context, StatusCodes.Status405MethodNotAllowed, "Only GET and HEAD are available here.", allow: "GET, HEAD");

    /// <summary>The same place with its slash mended, otherwise as the client wrote it.</summary>
    /// <returns>Null: the path that is served is another one than the client's, whose form is not for us to correct (as Caddy has it).</returns>
    private static string? RedirectOf(HttpContext context, FoundPath found)
    {
        var target = RequestTarget.PathAndQuery(context.Features.Get<IHttpRequestFeature>()!.RawTarget) ?? "/";
        if (LastSegment(ByteName.DecodePath(target)) != LastSegment(found.Path))
        {
            return null;
        }

        var query = target.IndexOf('?', StringComparison.Ordinal) is >= 0 and var start ? target[start..] : "";
        var written = target[..^query.Length].Trim('/'); // two slashes at its beginning would name another host
        return $"/{written}{(found.Finding == Finding.SlashMissing ? "/" : "")}{query}";
    }

    private static string LastSegment(string path)
    {
        var trimmed = path.TrimEnd('/');
        return trimmed[(trimmed.LastIndexOf('/') + 1)..];
    }

    /// <summary>Says nothing that the request has not said: no path of this machine, and not whether a directory is there.</summary>
    internal static Task RefuseAsync(HttpContext context, FileOutcome outcome) => outcome switch
    {
        FileOutcome.Denied => GatewayErrors.WriteAsync(context, StatusCodes.Status403Forbidden, "The file is there and may not be read."),
        FileOutcome.NotNow => GatewayErrors.WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "The file cannot be read now.", _retrySoon),
        _ => GatewayErrors.WriteAsync(context, StatusCodes.Status404NotFound, "There is no such file."),
    };
}
