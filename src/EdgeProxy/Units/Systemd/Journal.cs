using System.Runtime.InteropServices;
using System.Text;
using static EdgeProxy.Units.Systemd.JournalNative;

namespace EdgeProxy.Units.Systemd;

/// <summary>What the last runs of a unit have logged, from systemd's journal. The group systemd-journal may read it.</summary>
/// <param name="root">The root directory of the machine whose journal is read; null: this one.</param>
/// <param name="unit">The unit, for messages and for a run that systemd has forgotten.</param>
/// <param name="time">The clock of the short waits for the journal to catch up.</param>
internal sealed class Journal(string? root, string unit, TimeProvider time)
{
    /// <summary>A longer message is cut; a line is quoted for people.</summary>
    private const int MaxLineLength = 2000;

    /// <summary>journald takes what a unit wrote a moment after the unit has ended, so a crash is read again until this long brought nothing new.</summary>
    private static readonly TimeSpan CatchUp = TimeSpan.FromMilliseconds(50);

    private const int MaxReads = 4;

    /// <summary>So many entries are looked at, should the run have none.</summary>
    private const int MaxScanned = 2000;

    /// <summary>The last lines of a run, oldest first. Where there are none, or they cannot be read, the one line says why.</summary>
    /// <param name="run">The InvocationID; null: the newest run in the journal (systemd forgets a unit that has been stopped).</param>
    /// <param name="restarts">How often systemd has restarted the unit by itself: that many runs before the newest belong to it. The one that has just begun has not said yet why it will end.</param>
    /// <param name="maxLines">How many.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public async Task<IReadOnlyList<string>> ReadAsync(string? run, int restarts, int maxLines, CancellationToken cancellationToken)
    {
        try
        {
            var lines = await ReadOnceAsync();
            for (var reads = 1; reads < MaxReads; reads++)
            {
                await Task.Delay(CatchUp, time, cancellationToken);
                var before = lines;
                lines = await ReadOnceAsync();
                if (lines.SequenceEqual(before))
                {
                    break;
                }
            }

            return lines.Count > 0 ? lines : [$"(the journal has no line of {unit})"];
        }
        catch (Exception e) when (e is IOException or DllNotFoundException)
        {
            return [$"(the journal of {unit} cannot be read: {e.Message})"];
        }

        // On a pool thread: it reads files, many of them where the journal is old.
        Task<List<string>> ReadOnceAsync() => Task.Run(() => Read(restarts > 0 ? null : run, restarts, maxLines, cancellationToken), cancellationToken);
    }

    private List<string> Read(string? run, int restarts, int maxLines, CancellationToken cancellationToken)
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
            return ReadBackwards(journal, run, restarts, maxLines, cancellationToken);
        }
        finally
        {
            sd_journal_close(journal); // takes a null
        }
    }

    /// <remarks>
    /// journald looks up the run of a line when it gets to it, and finds none when the unit has ended by then: one line in ten of a crash on
    /// a busy machine. Such a line has the unit's name alone; it belongs to the run that has a line before it.
    /// </remarks>
    private static List<string> ReadBackwards(nint journal, string? run, int earlierRuns, int maxLines, CancellationToken cancellationToken)
    {
        List<string> newestFirst = [];
        List<string> unassigned = [];
        for (var scanned = 0; scanned < MaxScanned && newestFirst.Count < maxLines && Check(sd_journal_previous(journal), "read the journal") > 0; scanned++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var isUnits = Field(journal, "_PID") != "1";
            var id = Field(journal, isUnits ? "_SYSTEMD_INVOCATION_ID" : "INVOCATION_ID");
            var lines = (Field(journal, "MESSAGE") ?? "").Split('\n').Reverse();
            if (id is not null && id != run && newestFirst.Count > 0 && earlierRuns-- > 0)
            {
                run = id;
            }

            run ??= id;
            if (id is not null && id == run)
            {
                newestFirst.AddRange([.. unassigned, .. lines]);
                unassigned = [];
            }
            else if (id is null && isUnits)
            {
                unassigned.AddRange(lines);
            }
            else if (id is not null && newestFirst.Count > 0)
            {
                break; // an earlier run, and of an earlier start
            }
            else if (id is not null)
            {
                unassigned = []; // of a later run
            }
        }

        return newestFirst.Take(maxLines).Reverse().ToList();
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
        return Encoding.UTF8.GetString(value[..Math.Min(value.Length, MaxLineLength)]);
    }

    private static int Check(int result, string what) =>
        result >= 0 ? result : throw new IOException($"{what}: {Marshal.GetPInvokeErrorMessage(-result)}");
}
