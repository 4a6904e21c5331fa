using System.Globalization;
using System.Runtime.InteropServices;

namespace EdgeProxy.Hosting;

/// <summary>
/// Lets go of the pages of the program and its libraries that a start has read: most are never read again, and count as resident memory until the system
/// is short of it (docs/adr/0022). One that is needed comes back from the system's cache of the file, in a microsecond.
/// </summary>
internal static partial class FilePages
{
    /// <summary>MADV_DONTNEED, madvise(2).</summary>
    private const int NotNeeded = 4;

    /// <summary>Once, for the whole process. A refusal changes nothing.</summary>
    public static void Release()
    {
        foreach (var (start, length) in Unchanged(File.ReadLines("/proc/self/smaps")))
        {
            _ = Advise(start, length, NotNeeded);
        }
    }

    /// <summary>The ranges of private mappings of files that nobody can write and nobody has written: their pages are the file's. What the loader has relocated
    /// cannot be written either (RELRO), and would be lost.</summary>
    /// <param name="smaps">The lines of <c>/proc/PID/smaps</c>, proc_pid_smaps(5).</param>
    internal static IEnumerable<(nint Start, nint Length)> Unchanged(IEnumerable<string> smaps)
    {
        (nint Start, nint Length)? mapping = null;
        foreach (var line in smaps)
        {
            if (Header(line) is { } header)
            {
                mapping = header.IsReadOnlyFile ? (header.Start, header.End - header.Start) : null;
            }
            else if (mapping is { } range && line.StartsWith("Anonymous:", StringComparison.Ordinal))
            {
                if (line.EndsWith(" 0 kB", StringComparison.Ordinal))
                {
                    yield return range;
                }

                mapping = null;
            }
        }
    }

    /// <summary>Of "START-END PERMISSIONS OFFSET DEVICE INODE PATH"; null: a line about the mapping above it, "Name: value".</summary>
    private static (nint Start, nint End, bool IsReadOnlyFile)? Header(string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words.Length >= 5 && words[0].Split('-') is [var start, var end] && Address(start) is { } from && Address(end) is { } to
            ? (from, to, words[1] is ['r', '-', _, 'p'] && words.Length > 5 && words[5].StartsWith('/'))
            : null;

        static nint? Address(string hex) => nint.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var address) ? address : null;
    }

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    private static partial int Advise(nint start, nint length, int advice);
}
