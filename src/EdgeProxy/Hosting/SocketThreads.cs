using System.Globalization;
using System.Runtime.InteropServices;
using EdgeProxy.Platform;

namespace EdgeProxy.Hosting;

/// <summary>How the kernel schedules the runtime's threads that wait for all sockets (epoll(7)) and hand what has come to the thread pool.</summary>
/// <remarks>
/// Such a thread takes the core from another thread each time a socket has something for it: under load from the very workers that it hands work to, twice a
/// request. In the batch class (sched(7)) it waits for its turn while every core is busy, and then finds many sockets ready at once. There is one up to some
/// thirty cores. Owned by the code that runs the server; a timer looks at them once a second and ends with it.
/// </remarks>
internal sealed partial class SocketThreads : IDisposable
{
    private const int Normal = 0; // SCHED_OTHER
    private const int Batch = 3; // SCHED_BATCH; any process may choose it
    private const string Tasks = "/proc/self/task";
    private static readonly TimeSpan _every = TimeSpan.FromSeconds(1);

    private readonly SocketTurns _turns = new();
    private readonly ITimer _timer;
    private List<int> _threads = []; // of the timer's callback, as all that follows
    private long _lastTurns;
    private TimeSpan _lastWaited;
    private bool _areBatch;

    private SocketThreads(TimeProvider time) =>
        _timer = time.CreateTimer(static threads => ((SocketThreads)threads!).Look(), this, _every, Timeout.InfiniteTimeSpan);

    /// <returns>Null: the process is not in the normal class. Whoever has started it has decided that (systemd's CPUSchedulingPolicy=, say).</returns>
    public static SocketThreads? Watch(TimeProvider time) => GetScheduler(Environment.ProcessId) == Normal ? new SocketThreads(time) : null;

    public void Dispose() => _timer.Dispose();

    /// <summary>The timer's callback; it is set anew at its end, so that there is one at a time.</summary>
    private void Look()
    {
        try
        {
            if (_threads.Count == 0)
            {
                _threads = [.. Waiting()];
            }

            Decide();
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or FormatException)
        {
            // A kernel without CONFIG_SCHED_INFO: they stay as they are.
        }

        _timer.Change(_every, Timeout.InfiniteTimeSpan);
    }

    private void Decide()
    {
        var (turns, waited) = (0L, TimeSpan.Zero);
        foreach (var thread in _threads)
        {
            // Nanoseconds on a core, nanoseconds of waiting for one, turns (Documentation/scheduler/sched-stats.rst).
            var fields = Read(thread, "schedstat")?.Split(' ') ?? [];
            turns += fields.Length == 3 ? long.Parse(fields[2], CultureInfo.InvariantCulture) : 0;
            waited += fields.Length == 3 ? TimeSpan.FromMicroseconds(long.Parse(fields[1], CultureInfo.InvariantCulture) / 1000) : TimeSpan.Zero;
        }

        _turns.Decide(turns - _lastTurns, waited - _lastWaited);
        (_lastTurns, _lastWaited) = (turns, waited);
        if (_turns.LetOthersFinish != _areBatch)
        {
            _areBatch = _turns.LetOthersFinish;
            LetOthersFinish(_areBatch);
        }
    }

    /// <summary>Where it is refused (seccomp) they stay as they are. A worker that one of them has started has inherited the batch class: all come
    /// back.</summary>
    internal static void LetOthersFinish(bool isWanted)
    {
        foreach (var thread in isWanted ? Waiting() : All())
        {
            _ = SetScheduler(thread, isWanted ? Batch : Normal, new Parameters());
        }
    }

    private static IEnumerable<int> Waiting() => All().Where(thread => Read(thread, "comm") == RuntimeInternals.SocketThreads);

    private static IEnumerable<int> All() =>
        Directory.EnumerateDirectories(Tasks).Select(thread => int.Parse(Path.GetFileName(thread), NumberStyles.None, CultureInfo.InvariantCulture));

    /// <returns>Null: the thread has ended meanwhile.</returns>
    private static string? Read(int thread, string file)
    {
        try
        {
            return File.ReadAllText($"{Tasks}/{thread}/{file}").TrimEnd('\n');
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>struct sched_param; the priority is 0 for all but real-time classes.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private record struct Parameters(int Priority);

    [LibraryImport("libc", EntryPoint = "sched_setscheduler")]
    private static partial int SetScheduler(int thread, int policy, in Parameters parameters);

    [LibraryImport("libc", EntryPoint = "sched_getscheduler")]
    private static partial int GetScheduler(int thread);
}
