namespace EdgeProxy.StaticFiles;

/// <summary>A file as it is served, in one state of it: its forms and the headers that all of them share.</summary>
internal sealed class StaticFile
{
    private readonly TimeProvider _time;
    private long _checked;

    /// <param name="path">The path of a request for it, with single slashes.</param>
    /// <param name="mount">Under whose path it is served.</param>
    /// <param name="plain">The file as it is.</param>
    /// <param name="time">Tells when it was last looked at: now.</param>
    public StaticFile(string path, StaticMount mount, Representation plain, TimeProvider time)
    {
        _time = time;
        _checked = time.GetTimestamp();
        Path = path;
        Plain = plain;
        CacheControl = mount.CacheControlOf(plain.Source.Name);
        ContentType = ContentTypes.Of(plain.Source.Name);
        if (mount.IsUserContent && ContentTypes.IsActive(ContentType))
        {
            ContentDisposition = "attachment";
            ContentSecurityPolicy = "sandbox";
            ContentType = ContentTypes.IsLoadable(ContentType) ? ContentTypes.Opaque : ContentType;
        }

        // Whole seconds, as the header has, and never later than now (RFC 9110 section 8.8.2.1).
        var (modified, now) = (plain.Source.Identity.LastModified, time.GetUtcNow());
        LastModified = DateTimeOffset.FromUnixTimeSeconds((modified < now ? modified : now).ToUnixTimeSeconds());
        LastModifiedText = LastModified.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
    }

    public string Path { get; }

    public Representation Plain { get; }

    public string ContentType { get; }

    public string CacheControl { get; }

    /// <summary>Null: shown in place.</summary>
    public string? ContentDisposition { get; }

    /// <summary>For what could run script if it were shown all the same; null: none.</summary>
    public string? ContentSecurityPolicy { get; }

    public DateTimeOffset LastModified { get; }

    public string LastModifiedText { get; }

    /// <summary>What it costs to keep, in bytes.</summary>
    public long Size => Overhead + (Plain.Bytes?.Length ?? 0);

    /// <summary>About what the objects and strings take.</summary>
    private const long Overhead = 1024;

    /// <summary>It has been looked at within <paramref name="patience"/>, or somebody else is just looking.</summary>
    /// <remarks>Of several who ask at once when the time has come, one is told to look; the others go on with what there is.</remarks>
    public bool IsFresh(TimeSpan patience)
    {
        var seen = Volatile.Read(ref _checked);
        var now = _time.GetTimestamp();
        return _time.GetElapsedTime(seen, now) < patience || Interlocked.CompareExchange(ref _checked, now, seen) != seen;
    }
}
