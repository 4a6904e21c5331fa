using EdgeProxy.Compression;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.StaticFiles;

/// <summary>What a look for a file came to.</summary>
/// <param name="File">Only with <see cref="FileOutcome.Found"/>.</param>
internal readonly record struct FoundFile(FileOutcome Outcome, StaticFile? File)
{
    public static implicit operator FoundFile(FileOutcome failure) => new(failure, null);

    public static implicit operator FoundFile(StaticFile file) => new(FileOutcome.Found, file);
}

/// <summary>Finds files, and keeps the small ones in memory as long as the disk has them unchanged.</summary>
/// <remarks>
/// What is kept is looked at again after <see cref="Patience"/>, root and links and all, by one request while the others are still served; so
/// a changed, removed or newly readable file is noticed within a second. Names without a file are not kept: nobody can fill the memory with them.
/// The limit is <see cref="MemoryCache"/>'s, which drops what was not used for longest.
/// </remarks>
internal sealed class StaticFileCache(long capacity, CompressionPolicy policy, TimeProvider time) : IDisposable
{
    /// <summary>How long a file is taken to be as it was. Half of the second that is promised: somebody is sent to look, and others are served
    /// meanwhile.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    /// <summary>Larger files are read from disk for each response; there the reading is small beside the sending.</summary>
    public const int LargestKept = 256 * 1024;

    /// <summary>Larger files are sent as they are, unless they were compressed beforehand.</summary>
    private const int LargestCompressed = 8 << 20;

    /// <summary>How often a file that changes while it is read is read again.</summary>
    private const int Tries = 3;

    private readonly MemoryCache _files = new(new MemoryCacheOptions { SizeLimit = capacity, TrackStatistics = true });
    private readonly SingleFlight<string, FoundFile> _lookups = new();
    private long _secondLooks; // into the memory, by requests that had looked once

    /// <summary>Number of files that are known.</summary>
    public int Count => _files.Count;

    /// <summary>What became of looks so far. Of misses, see <see cref="Misses"/>.</summary>
    public MemoryCacheStatistics Statistics => _files.GetCurrentStatistics()!;

    /// <summary>Requests that did not find their file. One that has looked twice is one.</summary>
    public long Misses => Statistics.TotalMisses - Volatile.Read(ref _secondLooks);

    /// <param name="mount">Owns the path.</param>
    /// <param name="path">Of the request.</param>
    public ValueTask<FoundFile> FindAsync(StaticMount mount, string path)
    {
        if (_files.TryGetValue(mount.KeyPrefix.Length == 0 ? path : mount.KeyPrefix + path, out StaticFile? known) && known!.IsFresh(Patience))
        {
            return new(known);
        }

        if (mount.NameOf(path) is not { } name)
        {
            return new(FileOutcome.NotFound);
        }

        // One key for all ways to write it: /static//a.css would be one more copy.
        if (path.Length != mount.Path.Length + 1 + name.Length)
        {
            return FindAsync(mount, $"{mount.Path}/{name}");
        }

        var key = mount.KeyPrefix + path;
        return new(_lookups.RunAsync(key, () => LookAsync(mount, key, name, known ?? KeptMeanwhile(key))));
    }

    /// <summary>Opens a file whose plain content is not kept, as it is now: one that is written all the time is never twice the same.</summary>
    /// <param name="file">As it was looked at.</param>
    /// <param name="mount">Owns it.</param>
    /// <param name="content">The open file; null where the outcome is not <see cref="FileOutcome.Found"/>. To be disposed.</param>
    /// <returns>The file that is open: <paramref name="file"/>, or a newer version of it.</returns>
    public (FileOutcome Outcome, StaticFile File) OpenPlain(StaticFile file, StaticMount mount, out SafeFileHandle? content)
    {
        content = null;
        var source = file.Plain.Source;
        var outcome = source.Root.Locate(source.Name, out var located);
        using (located)
        {
            outcome = located?.Open(out content) ?? outcome;
        }

        if (content is null)
        {
            return (outcome, file);
        }

        var identity = NativeFiles.StatOf(content).Identity;
        if (identity == source.Identity)
        {
            return (outcome, file);
        }

        Forget(file);
        return (outcome, new StaticFile(
            file.Path, mount, Representation.Of(source with { Identity = identity }, bytes: null), sidecars: [], shrinks: false, time));
    }

    /// <summary>Opens what is not kept.</summary>
    /// <returns><see cref="FileOutcome.NotFound"/> also where it is another version by now, which a new look finds.</returns>
    public static FileOutcome Open(FileSource source, out SafeFileHandle? content)
    {
        content = null;
        var outcome = source.Root.Locate(source.Name, out var located);
        using (located)
        {
            outcome = located is null ? outcome : located.Identity == source.Identity ? located.Open(out content) : FileOutcome.NotFound;
        }

        return outcome;
    }

    /// <summary>Reads a whole file.</summary>
    /// <returns>Null: it is gone, another version by now, or being written.</returns>
    public static async ValueTask<byte[]?> ReadAsync(FileSource source)
    {
        if (Open(source, out var content) != FileOutcome.Found)
        {
            return null;
        }

        using (content)
        {
            var bytes = await ReadAsync(content!, (int)source.Identity.Size);
            return NativeFiles.StatOf(content!).Identity.HasContentOf(source.Identity) ? bytes : null;
        }
    }

    /// <summary>Another look may have ended between this one's look into the memory and its turn.</summary>
    private StaticFile? KeptMeanwhile(string key)
    {
        Interlocked.Increment(ref _secondLooks);
        return Kept(key);
    }

    /// <summary>What is kept under a path, fresh or not; null: nothing.</summary>
    public StaticFile? Kept(string path) => _files.Get<StaticFile>(path);

    /// <summary>Counts a file anew that has got another form; one that is not kept stays so.</summary>
    public void Weigh(StaticFile file)
    {
        if (ReferenceEquals(Kept(file.Path), file))
        {
            Keep(file);
        }
    }

    /// <summary>It is no more what it was: the next request looks at the disk.</summary>
    public void Forget(StaticFile file) => _files.Remove(file.Path);

    public void Dispose() => _files.Dispose();

    private async Task<FoundFile> LookAsync(StaticMount mount, string key, string name, StaticFile? known)
    {
        var asked = time.GetUtcNow(); // before it is read: reading may take longer than a step of the kernel's clock
        var found = await SearchAsync(mount, key, name, known);
        if (found.File is null)
        {
            _files.Remove(key);
        }
        else if (!ReferenceEquals(found.File, known) && !found.File.Plain.Source.Identity.MayChangeUnseen(asked))
        {
            Keep(found.File); // what may change unseen would be served for ever
        }

        return found;
    }

    private async ValueTask<FoundFile> SearchAsync(StaticMount mount, string key, string name, StaticFile? known)
    {
        var result = FileOutcome.NotFound;
        for (var i = 0; i < mount.Roots.Count; i++)
        {
            var outcome = mount.Roots[i].Locate(name, out var located);
            if (located is null)
            {
                // A later root may have it; that this one could not be read is said only if none has.
                result = outcome > result ? outcome : result;
                continue;
            }

            using (located)
            {
                var source = new FileSource(mount.Roots[i], name, located.Identity);
                var sidecars = FindSidecars(mount, source, PathOf(mount, key));
                return known is not null && known.IsOf(source, sidecars) ? known : await ReadAsync(key, mount, source, sidecars, located);
            }
        }

        return result;
    }

    /// <summary>Files beside this one that hold it compressed and are not older. Not those of other users, who could put them there.</summary>
    /// <remarks>Times are compared in whole seconds, which is what many tools copy. One that is just being written is left alone for a moment.</remarks>
    private List<FileSource> FindSidecars(StaticMount mount, FileSource file, string path)
    {
        var found = new List<FileSource>();
        if (mount.IsUserContent || !policy.Covers(path))
        {
            return found;
        }

        foreach (var coding in policy.Offered)
        {
            var name = file.Name + coding.Extension();
            if (file.Root.Locate(name, out var located) == FileOutcome.Found)
            {
                using (located)
                {
                    if (located!.Identity.LastModified.ToUnixTimeSeconds() >= file.Identity.LastModified.ToUnixTimeSeconds()
                        && !located.Identity.MayChangeUnseen(time.GetUtcNow()))
                    {
                        found.Add(new FileSource(file.Root, name, located.Identity));
                    }
                }
            }
        }

        return found;
    }

    private async ValueTask<FoundFile> ReadAsync(string key, StaticMount mount, FileSource source, IReadOnlyList<FileSource> sidecars, LocatedFile located)
    {
        var outcome = located.Open(out var content);
        if (content is null)
        {
            return outcome;
        }

        using (content)
        {
            for (var i = 0; i < Tries; i++)
            {
                source = source with { Identity = NativeFiles.StatOf(content).Identity };
                var bytes = source.Identity.Size <= LargestKept ? await ReadAsync(content, (int)source.Identity.Size) : null;
                if (NativeFiles.StatOf(content).Identity.HasContentOf(source.Identity))
                {
                    return new StaticFile(key, mount, Representation.Of(source, bytes), sidecars, Shrinks(PathOf(mount, key), source), time);
                }
            }

            // Written all the time, as a log is: read from disk for each response, which tells an append from a rewrite.
            return new StaticFile(key, mount, Representation.Of(source, bytes: null), sidecars, shrinks: false, time);
        }
    }

    /// <summary>Not what would find no room in the memory, and so be compressed again for each request.</summary>
    private bool Shrinks(string path, FileSource file) =>
        file.Identity.Size >= policy.MinimumSize
        && file.Identity.Size <= Math.Min(LargestCompressed, capacity / 2)
        && policy.Shrinks(ContentTypes.Of(file.Name))
        && policy.Covers(path);

    private static async ValueTask<byte[]> ReadAsync(SafeFileHandle content, int size)
    {
        var bytes = GC.AllocateUninitializedArray<byte>(size);
        var read = 0;
        while (read < size)
        {
            var count = await RandomAccess.ReadAsync(content, bytes.AsMemory(read), read);
            if (count == 0)
            {
                return bytes[..read]; // cut meanwhile; what it was is known from its identity
            }

            read += count;
        }

        return bytes;
    }

    private static string PathOf(StaticMount mount, string key) => key[mount.KeyPrefix.Length..];

    private void Keep(StaticFile file) => _files.Set(file.Path, file, new MemoryCacheEntryOptions { Size = file.Size });
}
