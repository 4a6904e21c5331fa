namespace EdgeProxy.StaticFiles;

/// <summary>What a request path means where directories have index files, or other names are tried.</summary>
internal enum Finding
{
    /// <summary>As the outcome and the file say; the outcome <see cref="FileOutcome.Directory"/> is a directory to be listed.</summary>
    AsAsked,

    /// <summary>It is a directory, to be asked for with a slash at its end.</summary>
    SlashMissing,

    /// <summary>It is a file, to be asked for without the slash.</summary>
    SlashTooMuch,
}

/// <param name="Finding">What it is.</param>
/// <param name="Outcome">Of the look for the file.</param>
/// <param name="File">What is served; null: nothing, or a listing.</param>
/// <param name="Path">Of the file or directory that was found, where the client's slash may be wrong.</param>
internal readonly record struct FoundPath(Finding Finding, FileOutcome Outcome, StaticFile? File, string Path = "")
{
    public static implicit operator FoundPath(FoundFile found) => new(Finding.AsAsked, found.Outcome, found.File);

    public static implicit operator FoundPath(FileOutcome outcome) => new(Finding.AsAsked, outcome, null);
}

/// <summary>Finds the file that a request path means where that is not simply the file of that name, in the order in which Caddy's <c>try_files</c> and
/// <c>file_server</c> look.</summary>
internal sealed class FileLookup(StaticFileCache files)
{
    /// <param name="mount">Owns the path.</param>
    /// <param name="path">Of the request.</param>
    public async ValueTask<FoundPath> FindAsync(StaticMount mount, string path)
    {
        var endsWithSlash = path.EndsWith('/');
        foreach (var pattern in mount.TryFiles)
        {
            // Whether a directory is meant is the pattern's to say: {path} alone is a file, whatever slashes the client has written behind it.
            var candidate = mount.Expand(pattern, path);
            if (!pattern.EndsWith('/'))
            {
                candidate = candidate.TrimEnd('/');
                if (await files.FindAsync(mount, candidate) is { Outcome: not (FileOutcome.NotFound or FileOutcome.Directory) } found)
                {
                    return new FoundPath(endsWithSlash ? Finding.SlashTooMuch : Finding.AsAsked, found.Outcome, found.File, candidate);
                }
            }
            else if (LookFor(mount, candidate) == FileOutcome.Directory)
            {
                return await FindInDirectoryAsync(mount, candidate, endsWithSlash ? Finding.AsAsked : Finding.SlashMissing);
            }
        }

        return await FindPathAsync(mount, path);
    }

    private async ValueTask<FoundPath> FindPathAsync(StaticMount mount, string path)
    {
        if (path.EndsWith('/') || path.Length == mount.Path.Length)
        {
            return await FindIndexAsync(mount, path.EndsWith('/') ? path : path + '/')
                ?? (mount.Browse && LookFor(mount, path) == FileOutcome.Directory ? FileOutcome.Directory : FileOutcome.NotFound);
        }

        var found = await files.FindAsync(mount, path);
        return found.Outcome == FileOutcome.Directory ? await FindInDirectoryAsync(mount, path + '/', Finding.SlashMissing) : found;
    }

    /// <param name="mount">Owns the path.</param>
    /// <param name="path">A directory that is there, with a slash at its end.</param>
    /// <param name="asked">How the client has asked for it.</param>
    private async ValueTask<FoundPath> FindInDirectoryAsync(StaticMount mount, string path, Finding asked) =>
        await FindIndexAsync(mount, path) is { } index ? index with { Finding = index.File is null ? Finding.AsAsked : asked, Path = path }
        : mount.Browse ? new FoundPath(asked, FileOutcome.Directory, null, path)
        : FileOutcome.NotFound;

    /// <summary>The index file of a directory, before the directory itself is looked at: the file is mostly in memory.</summary>
    /// <param name="path">Ends with a slash.</param>
    /// <returns>Null: it has none.</returns>
    private async ValueTask<FoundPath?> FindIndexAsync(StaticMount mount, string path)
    {
        foreach (var name in mount.Index)
        {
            if (await files.FindAsync(mount, path + name) is { Outcome: not (FileOutcome.NotFound or FileOutcome.Directory) } found)
            {
                return found;
            }
        }

        return null;
    }

    private static FileOutcome LookFor(StaticMount mount, string path)
    {
        var outcome = DirectoryListing.Open(mount, path, out _, out var directory);
        directory?.Dispose();
        return outcome;
    }
}
