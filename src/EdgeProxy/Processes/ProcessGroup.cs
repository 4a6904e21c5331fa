using System.Globalization;
using EdgeProxy.Platform;

namespace EdgeProxy.Processes;

/// <summary>A process that leads a group of its own, and the processes in that group.</summary>
/// <param name="Pid">Of the leader, hence of the group.</param>
/// <param name="StartTime">
/// Of the leader, in clock ticks since boot (field 22 of proc_pid_stat(5)): with it a pid names one process for ever, without it a pid is
/// used again.
/// </param>
internal readonly partial record struct ProcessGroup(int Pid, long StartTime)
{
    public const int Terminate = 15;
    public const int Kill = 9;

    /// <summary>The group that a process leads, or will lead; null: there is no such process.</summary>
    public static ProcessGroup? Of(int pid) => Stat.Read(pid) is { } stat ? new ProcessGroup(pid, stat.StartTime) : null;

    /// <summary>The group that a process is in; null: there is no such process.</summary>
    public static ProcessGroup? WithMember(int pid) =>
        Stat.Read(pid) is { } stat ? new ProcessGroup(stat.Group, Stat.Read(stat.Group)?.StartTime ?? 0) : null;

    /// <summary>Whether the leader runs.</summary>
    public bool LeaderRuns => Stat.Read(Pid) is { } leader && leader.StartTime == StartTime && leader.IsAlive;

    /// <summary>
    /// The processes of the group that still run. Empty when the pid has been given to another process since; while a group has members its
    /// number is not given away, so members without a leader are its own.
    /// </summary>
    public IReadOnlyList<int> Members()
    {
        if (Pid <= 1 || (Stat.Read(Pid) is { } leader && leader.StartTime != StartTime))
        {
            return [];
        }

        var members = new List<int>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && Stat.Read(pid) is { IsAlive: true } stat && stat.Group == Pid)
            {
                members.Add(pid);
            }
        }

        return members;
    }

    /// <summary>Sends a signal to every process of the group. One that is gone is not an error.</summary>
    public void Signal(int signal)
    {
        // kill(2) takes 0 for the caller's own group and -1 for everybody: no file may ever make it that.
        if (Pid > 1)
        {
            _ = LibC.Kill(-Pid, signal);
        }
    }

    /// <summary>Waits until the leader, which is no child of this process, has ended. Looks ten times a second, for as long as it runs: the child owns the
    /// wait, and a stop of the proxy waits for it, or leaves both.</summary>
    public async Task WaitLeaderEndedAsync(TimeProvider time)
    {
        while (LeaderRuns)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), time);
        }
    }

    /// <summary>Waits until nothing of the group runs.</summary>
    /// <returns>False: something still ran when the time was over.</returns>
    public async Task<bool> WaitGoneAsync(TimeSpan timeout, TimeProvider time)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            // The leader is one file to read and usually ends last; the members are all of /proc.
            var leaderRuns = LeaderRuns;
            if (!leaderRuns && Members().Count == 0)
            {
                return true;
            }

            if (time.GetElapsedTime(start) >= timeout)
            {
                return false;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(leaderRuns ? 10 : 100), time);
        }
    }

    /// <summary>SIGTERM, and SIGKILL for what is left after <paramref name="timeout"/>.</summary>
    /// <returns>False: something had to be killed.</returns>
    public async Task<bool> EndAsync(TimeSpan timeout, TimeProvider time)
    {
        if (Members().Count == 0)
        {
            return true; // nor is a signal sent to the process that gets the number next
        }

        Signal(Terminate);
        if (await WaitGoneAsync(timeout, time))
        {
            return true;
        }

        Signal(Kill);
        // Bounded: a process in uninterruptible sleep (a dead disk) obeys nobody.
        await WaitGoneAsync(TimeSpan.FromSeconds(5), time);
        return false;
    }

    /// <summary>Resident memory of the group in bytes. Shared pages are counted in each process, so it is never too low.</summary>
    public long Memory() => Members().Sum(ResidentBytes);

    private static long ResidentBytes(int pid)
    {
        try
        {
            // The second field is resident pages (proc_pid_statm(5)).
            return long.Parse(File.ReadAllText($"/proc/{pid}/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;
        }
        catch (IOException)
        {
            return 0; // it has just ended
        }
    }

    /// <summary>What /proc/PID/stat says.</summary>
    private readonly record struct Stat(char State, int Group, long StartTime)
    {
        /// <summary>More than the fields up to the 22nd can take.</summary>
        private const int MaxLength = 1024;

        public bool IsAlive => State is not ('Z' or 'X');

        public static Stat? Read(int pid)
        {
            try
            {
                using var file = File.OpenHandle($"/proc/{pid}/stat");
                Span<byte> line = stackalloc byte[MaxLength]; // all of /proc is read so, again and again: without garbage
                line = line[..RandomAccess.Read(file, line, fileOffset: 0)];
                return line.LastIndexOf((byte)')') is >= 0 and var end ? Parse(line[(end + 2)..]) : null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }

        /// <param name="fields">From the third on: the second is the program's name in parentheses and may itself hold blanks and parentheses.</param>
        private static Stat Parse(ReadOnlySpan<byte> fields)
        {
            var (state, group, index) = ('?', 0, 3);
            foreach (var field in fields.Split((byte)' '))
            {
                switch (index++)
                {
                    case 3:
                        state = (char)fields[field][0];
                        break;
                    case 5:
                        group = int.Parse(fields[field], CultureInfo.InvariantCulture);
                        break;
                    case 22:
                        return new Stat(state, group, long.Parse(fields[field], CultureInfo.InvariantCulture));
                }
            }

            throw new IOException("a line of /proc is shorter than proc_pid_stat(5) says");
        }
    }
}
