using System.Runtime.InteropServices;
using System.Text;
using static EdgeProxy.Units.Systemd.JournaldNative;

namespace EdgeProxy.Units.Systemd;

/// <summary>One entry of the journal about a unit.</summary>
/// <param name="Message">May have several lines.</param>
/// <param name="InvocationId">The run of the unit; null: journald could not tell.</param>
/// <param name="IsFromUnit">A process of the unit has written it; otherwise systemd has, about the unit.</param>
internal readonly record struct UnitLogEntry(string Message, string? InvocationId, bool IsFromUnit);

/// <summary>Reads systemd's journal by sd-journal(3). The group systemd-journal may read it.</summary>
/// <param name="root">The root directory of the machine whose journal is read; null: this one.</param>
internal sealed class JournaldReader(string? root)
{
    /// <summary>A longer message is cut; a line is quoted for people.</summary>
    private const int MaxMessageLength = 2000;

    /// <summary>What a unit's processes have written and what systemd says of it, newest first.</summary>
    /// <remarks>
    /// Reads while it is enumerated, which one thread does from the first entry to the last: the handle belongs to it. Disposing the
    /// enumerator closes the files.
    /// </remarks>
    /// <exception cref="IOException">The journal cannot be read, or not by this user.</exception>
    /// <exception cref="DllNotFoundException">This machine has no libsystemd.</exception>
    public IEnumerable<UnitLogEntry> ReadBackwards(string unit)
    {
        nint journal = 0;
        try
        {
            Check(root is null ? sd_journal_open(out journal, LocalSystem) : sd_journal_open_directory(out journal, root, OsRoot), "open the journal");
            Check(sd_journal_get_usage(journal, out var bytes), "read the journal");
            if (bytes == 0) // files that may not be opened are passed over in silence
            {
                throw new IOException($"nothing is readable by the user {Environment.UserName}; add it to the group systemd-journal");
            }

            // What its processes wrote, or what PID 1 says about it (any user could claim the second field, hence the third).
            Match(journal, $"_SYSTEMD_UNIT={unit}");
            Check(sd_journal_add_disjunction(journal), "match");
            Match(journal, $"UNIT={unit}");
            Match(journal, "_PID=1");
            Check(sd_journal_seek_tail(journal), "seek in the journal");
            while (Check(sd_journal_previous(journal), "read the journal") > 0)
            {
                var isFromUnit = Field(journal, "_PID") != "1";
                yield return new UnitLogEntry(
                    Field(journal, "MESSAGE") ?? "", Field(journal, isFromUnit ? "_SYSTEMD_INVOCATION_ID" : "INVOCATION_ID"), isFromUnit);
            }
        }
        finally
        {
            sd_journal_close(journal); // takes a null
        }
    }

    private static unsafe void Match(nint journal, string match)
    {
        var bytes = Encoding.UTF8.GetBytes(match);
        fixed (byte* data = bytes)
        {
            Check(sd_journal_add_match(journal, data, (nuint)bytes.Length), "match");
        }
    }

    /// <summary>The value of a field of the current entry, which is stored as <c>NAME=value</c>; null: it has none.</summary>
    private static unsafe string? Field(nint journal, string name)
    {
        if (sd_journal_get_data(journal, name, out var data, out var size) < 0)
        {
            return null;
        }

        var value = new ReadOnlySpan<byte>((void*)data, (int)size)[(name.Length + 1)..];
        return Encoding.UTF8.GetString(value[..Math.Min(value.Length, MaxMessageLength)]);
    }

    private static int Check(int result, string what) =>
        result >= 0 ? result : throw new IOException($"{what}: {Marshal.GetPInvokeErrorMessage(-result)}");
}
