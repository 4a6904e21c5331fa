using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using EdgeProxy.Compression;

namespace EdgeProxy.StaticFiles;

/// <summary>Makes the best form of files that were sent in a quick one: one at a time, on a thread that gives way to all others.</summary>
/// <remarks>
/// Owned by the host; ends with it, in the middle of a file if need be. Orders beyond <see cref="Backlog"/> are dropped: the quick form stays. So it
/// does where a file cannot be compressed better or at all, which is logged. An order names a file and does not hold it: what waits here must not
/// stay in memory when the cache has dropped it.
/// </remarks>
internal sealed partial class BackgroundRecompression(StaticFileCache files, ILogger<BackgroundRecompression> logger) : BackgroundService
{
    private const int Backlog = 1024;

    /// <summary>Brotli's best takes about two seconds a megabyte. Larger files keep their quick form.</summary>
    private const int LargestSource = 4 << 20;

    private const int ThisThread = 0; // PRIO_PROCESS and who = 0: on Linux a thread's own (setpriority(2), "C library/kernel differences")
    private const int LeastUrgent = 19;

    private readonly BlockingCollection<(string Path, ContentCoding Coding)> _orders = new(Backlog);

    /// <summary>Asks for the best form, some time.</summary>
    public void Order(StaticFile file, ContentCoding coding)
    {
        if (file.Plain.Length <= LargestSource)
        {
            _orders.TryAdd((file.Path, coding));
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        _orders.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.Factory.StartNew(() => Run(stoppingToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Run(CancellationToken stoppingToken)
    {
        _ = SetPriority(ThisThread, ThisThread, LeastUrgent); // where it may not, it works at the usual priority
        try
        {
            foreach (var (path, coding) in _orders.GetConsumingEnumerable(stoppingToken))
            {
                Make(path, coding, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The proxy stops.
        }
    }

    private void Make(string path, ContentCoding coding, CancellationToken stoppingToken)
    {
        try
        {
            if (files.Kept(path) is not { } file || file.Coded(coding) is not { Effort: Effort.Quick, Bytes: { } quick }
                || (file.Plain.Bytes ?? StaticFileCache.ReadAsync(file.Plain.Source).AsTask().GetAwaiter().GetResult()) is not { } content)
            {
                return; // changed, fallen out of memory, or made already
            }

            var bytes = EncodedVariants.Encode(coding, Effort.Best, content, stoppingToken);
            file.Set(Representation.OfCoded(coding, Effort.Best, file.Plain, bytes.Length < quick.Length ? bytes : quick));
            files.Weigh(file);
        }
        catch (Exception failure) when (failure is IOException or InvalidOperationException or OutOfMemoryException)
        {
            Log.NotMade(logger, coding, path, failure);
        }
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int priority);

    private static partial class Log
    {
        [LoggerMessage(1001, LogLevel.Warning, "The best {Coding} form of {Path} could not be made; the quick one is served")]
        public static partial void NotMade(ILogger logger, ContentCoding coding, string path, Exception failure);
    }
}
