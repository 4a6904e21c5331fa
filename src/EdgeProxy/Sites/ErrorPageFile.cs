using EdgeProxy.Http;
using EdgeProxy.StaticFiles;

namespace EdgeProxy.Sites;

/// <summary>The file of an error page, and its content when it was read last.</summary>
internal sealed partial class ErrorPageFile(string path, ILogger<SiteErrorPages> logger)
{
    /// <summary>Larger ones are no error pages: they would be kept in memory.</summary>
    public const int MaxSize = 1 << 20;

    private Content? _content;
    private int _hasFailed;

    /// <remarks>A disk is read while a client waits, but only for what has failed, and from the page cache.</remarks>
    public ErrorPage? Read()
    {
        try
        {
            var file = new FileInfo(path);
            var known = Volatile.Read(ref _content);
            if (known is not null && file.Exists && known.WrittenAt == file.LastWriteTimeUtc && known.Page.Body.Length == file.Length)
            {
                return known.Page;
            }

            if (file.Exists && file.Length > MaxSize)
            {
                return Fail($"it has more than {MaxSize} bytes");
            }

            var read = new Content(file.LastWriteTimeUtc, new ErrorPage(ContentTypes.Of(path), File.ReadAllBytes(path)));
            Volatile.Write(ref _content, read);
            Volatile.Write(ref _hasFailed, 0);
            return read.Page;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return Fail(error.Message);
        }
    }

    /// <summary>Said once until it can be read again.</summary>
    private ErrorPage? Fail(string problem)
    {
        if (Interlocked.Exchange(ref _hasFailed, 1) == 0)
        {
            Log.Unreadable(logger, path, problem);
        }

        return null;
    }

    private sealed record Content(DateTime WrittenAt, ErrorPage Page);

    private static partial class Log
    {
        [LoggerMessage(1200, LogLevel.Warning, "The error page {Path} cannot be read, and EdgeProxy's own is sent in its place: {Problem}")]
        public static partial void Unreadable(ILogger logger, string path, string problem);
    }
}
