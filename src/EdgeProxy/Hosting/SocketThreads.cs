using System.Globalization;
using System.Runtime.InteropServices;
using EdgeProxy.Platform;

namespace EdgeProxy.Hosting;

/// <summary>How the kernel schedules the runtime's threads that wait for all sockets (epoll(7)) and hand what has come to the thread pool.</summary>
/// <remarks>
/// Such a thread takes the core from another thread each time a socket has something for it: under load from the very workers that it hands work to, twice a
/// request. In the batch class (sched(7)) it waits for its turn while every core is busy, and then finds many sockets ready at once. On an idle core it
/// runs as soon as ever. There is one up to some thirty cores. A worker that it starts inherits the class, which does no harm. Figures: docs/adr/0028.
/// </remarks>
internal static partial class SocketThreads
{
    private const int BatchPolicy = 3; // SCHED_BATCH; any process may choose it

    /// <summary>Moves them into the batch class; afterwards, as any socket has been waited for. Where it is refused (seccomp) they stay as they are.</summary>
    public static void UseBatchScheduling()
    {
        foreach (var thread in Directory.EnumerateDirectories("/proc/self/task"))
        {
            if (NameOf(thread) == RuntimeInternals.SocketThreads)
            {
                var id = int.Parse(Path.GetFileName(thread), NumberStyles.None, CultureInfo.InvariantCulture);
                _ = SetScheduler(id, BatchPolicy, new Parameters());
            }
        }
    }

    /// <returns>Null: it has ended meanwhile.</returns>
    private static string? NameOf(string thread)
    {
        try
        {
            return File.ReadAllText(Path.Combine(thread, "comm")).TrimEnd('\n');
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
}
