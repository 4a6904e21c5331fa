using System.Runtime.InteropServices;

namespace EdgeProxy.Units.Systemd;

/// <summary>
/// The functions of libsystemd's sd-journal (sd-journal.h) that <see cref="JournaldReader"/> needs. A handle belongs to one thread; each
/// returns a negative errno on failure.
/// </summary>
internal static unsafe partial class JournaldNative
{
    private const string Systemd = "libsystemd.so.0";

    /// <summary>SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM: services of this machine, not sessions of users.</summary>
    internal const int LocalSystem = 1 << 0 | 1 << 2;

    /// <summary>SD_JOURNAL_OS_ROOT: the path given is that of a root directory.</summary>
    internal const int OsRoot = 1 << 4;

    [LibraryImport(Systemd)]
    internal static partial int sd_journal_open(out nint journal, int flags);

    [LibraryImport(Systemd, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int sd_journal_open_directory(out nint journal, string path, int flags);

    [LibraryImport(Systemd)]
    internal static partial void sd_journal_close(nint journal);

    [LibraryImport(Systemd)]
    internal static partial int sd_journal_get_usage(nint journal, out ulong bytes);

    [LibraryImport(Systemd)]
    internal static partial int sd_journal_add_match(nint journal, byte* data, nuint size);

    [LibraryImport(Systemd)]
    internal static partial int sd_journal_add_disjunction(nint journal);

    [LibraryImport(Systemd)]
    internal static partial int sd_journal_seek_tail(nint journal);

    [LibraryImport(Systemd)]
    internal static partial int sd_journal_previous(nint journal);

    [LibraryImport(Systemd, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int sd_journal_get_data(nint journal, string field, out nint data, out nuint size);
}
