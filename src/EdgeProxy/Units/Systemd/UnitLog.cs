namespace EdgeProxy.Units.Systemd;

/// <summary>What the last runs of a unit have logged.</summary>
/// <param name="readBackwards">The unit's entries, newest first: <see cref="JournaldReader.ReadBackwards"/>. Enumerated on a pool thread.</param>
/// <param name="unit">The unit, for messages.</param>
/// <param name="time">The clock of the short waits for the journal to catch up.</param>
internal sealed class UnitLog(Func<IEnumerable<UnitLogEntry>> readBackwards, string unit, TimeProvider time)
{
    /// <summary>journald takes what a unit wrote a moment after the unit has ended, so a crash is read again until this long brought nothing new.</summary>
    private static readonly TimeSpan CatchUp = TimeSpan.FromMilliseconds(50);

    private const int MaxReads = 4;

    /// <summary>So many entries are looked at, should the run have none.</summary>
    private const int MaxScanned = 2000;

    /// <summary>The last lines of a run, oldest first. Where there are none, or they cannot be read, the one line says why.</summary>
    /// <param name="run">The InvocationID; null: the newest run in the journal (systemd forgets a unit that has been stopped).</param>
    /// <param name="restarts">
    /// How often systemd has restarted the unit by itself: that many runs before the newest belong to it. The one that has just begun has not
    /// said yet why it will end.
    /// </param>
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
        Task<List<string>> ReadOnceAsync() =>
            Task.Run(() => LinesOf(readBackwards(), restarts > 0 ? null : run, restarts, maxLines, cancellationToken), cancellationToken);
    }

    /// <summary>The lines of a run and of so many runs before it, oldest first.</summary>
    /// <remarks>
    /// journald looks up the run of a line when it gets to it, and finds none when the unit has ended by then: one line in ten of a crash on
    /// a busy machine. Such a line has the unit's name alone; it belongs to the run that has a line before it.
    /// </remarks>
    private static List<string> LinesOf(
        IEnumerable<UnitLogEntry> newestFirst, string? run, int earlierRuns, int maxLines, CancellationToken cancellationToken)
    {
        List<string> lines = []; // newest first
        List<string> withoutRun = []; // newer than what is read next
        foreach (var entry in newestFirst.Take(MaxScanned))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var message = entry.Message.Split('\n').Reverse();
            if (entry.InvocationId is not { } id)
            {
                withoutRun.AddRange(entry.IsFromUnit ? message : []);
                continue;
            }

            if (id != run && lines.Count > 0)
            {
                if (earlierRuns-- <= 0)
                {
                    break;
                }

                run = id;
            }

            run ??= id;
            if (id == run)
            {
                lines.AddRange([.. withoutRun, .. message]);
            }

            withoutRun.Clear(); // now among the lines, or of a later run than is asked for
            if (lines.Count >= maxLines)
            {
                break;
            }
        }

        return lines.Take(maxLines).Reverse().ToList();
    }
}
