using EdgeProxy.Compression;

namespace EdgeProxy.StaticFiles;

/// <summary>A file as it is served, in one state of it: its forms and the headers that all of them share.</summary>
internal sealed class StaticFile
{
    private static readonly TimeSpan _ageOfDate = TimeSpan.FromSeconds(2);

    private readonly TimeProvider _time;
    private readonly Representation?[] _coded = new Representation?[ContentCodings.All.Count];
    private readonly ContentCoding[] _sidecars;
    private long _checked;

    /// <param name="path">Its key: the path of a request for it, with single slashes, behind the mount's prefix.</param>
    /// <param name="mount">Under whose path it is served.</param>
    /// <param name="plain">The file as it is.</param>
    /// <param name="sidecars">What was compressed beforehand, best first.</param>
    /// <param name="shrinks">It is compressed where no sidecar is.</param>
    /// <param name="time">Tells when it was last looked at: now.</param>
    public StaticFile(string path, StaticMount mount, Representation plain, IReadOnlyList<FileSource> sidecars, bool shrinks, TimeProvider time)
    {
        _time = time;
        Shrinks = shrinks;
        _checked = time.GetTimestamp();
        Path = path;
        Plain = plain;
        _sidecars = [.. sidecars.Select(sidecar => ContentCodings.All.First(coding => sidecar.Name.EndsWith(coding.Extension(), StringComparison.Ordinal)))];
        for (var i = 0; i < _sidecars.Length; i++)
        {
            Set(Representation.OfSidecar(_sidecars[i], sidecars[i]));
        }

        CacheControl = mount.CacheControlOf(plain.Source.Name);
        ContentType = ContentTypes.Of(plain.Source.Name);
        if (mount.IsUserContent && ContentTypes.IsActive(ContentType))
        {
            ContentDisposition = "attachment";
            ContentSecurityPolicy = "sandbox";
            ContentType = ContentTypes.IsLoadable(ContentType) ? ContentTypes.Opaque : ContentType;
        }

        // Whole seconds, as the header has, and never later than the response's Date (RFC 9110 section 8.8.2.1), which Kestrel renews once a second.
        var (modified, now) = (plain.Source.Identity.LastModified, time.GetUtcNow());
        LastModified = DateTimeOffset.FromUnixTimeSeconds((modified < now ? modified : now - _ageOfDate).ToUnixTimeSeconds());
        LastModifiedText = LastModified.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
    }

    public string Path { get; }

    public Representation Plain { get; }

    public string ContentType { get; }

    public string? CacheControl { get; }

    /// <summary>The value of <c>Content-Disposition</c>; null: the file is shown in place.</summary>
    public string? ContentDisposition { get; }

    /// <summary>The value of <c>Content-Security-Policy</c>, for what could run script if it were shown all the same; null: none.</summary>
    public string? ContentSecurityPolicy { get; }

    public DateTimeOffset LastModified { get; }

    public string LastModifiedText { get; }

    /// <summary>It is compressed where no sidecar is.</summary>
    public bool Shrinks { get; }

    /// <summary>The codings in which it was compressed beforehand, best first.</summary>
    public ReadOnlySpan<ContentCoding> Sidecars => _sidecars;

    /// <summary>What it costs to keep, in bytes.</summary>
    public long Size => Overhead + (Plain.Bytes?.Length ?? 0) + _coded.Sum(form => form is null || ReferenceEquals(form, Plain) ? 0L : form.Bytes?.Length ?? 0);

    /// <summary>About what the objects and strings take.</summary>
    private const long Overhead = 1024;

    /// <summary>Its form in a coding; null: not made yet; <see cref="Plain"/>: it does not shrink.</summary>
    public Representation? Coded(ContentCoding coding) => Volatile.Read(ref _coded[(int)coding]);

    /// <summary>Takes a form, in place of an earlier one of the same coding.</summary>
    public void Set(Representation form) => Volatile.Write(ref _coded[(int)form.Coding!.Value], form);

    /// <summary>Notes that a coding does not make it smaller.</summary>
    public void SetIncompressible(ContentCoding coding) => Volatile.Write(ref _coded[(int)coding], Plain);

    /// <summary>Whether it was made from these files: nothing has changed on disk.</summary>
    public bool IsOf(FileSource plain, IReadOnlyList<FileSource> sidecars)
    {
        if (Plain.Source != plain || _sidecars.Length != sidecars.Count)
        {
            return false;
        }

        for (var i = 0; i < _sidecars.Length; i++)
        {
            if (Coded(_sidecars[i])!.Source != sidecars[i])
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>It has been looked at within <paramref name="patience"/>, or somebody else is just looking.</summary>
    /// <remarks>Of several calls at once when the time has come, one is told to look; the others go on with what there is.</remarks>
    public bool IsFresh(TimeSpan patience)
    {
        var seen = Volatile.Read(ref _checked);
        var now = _time.GetTimestamp();
        return _time.GetElapsedTime(seen, now) < patience || Interlocked.CompareExchange(ref _checked, now, seen) != seen;
    }
}
