using EdgeProxy.Configuration;
using EdgeProxy.Diagnostics;

namespace EdgeProxy.Proxying.Spooling;

/// <summary>Why a body could not be kept, and is passed on as it comes.</summary>
internal enum SpoolFailure
{
    /// <summary>The budget is used up.</summary>
    Quota,

    /// <summary>The operating system refuses: the disk is full, the directory is missing or not writable.</summary>
    Disk,
}

/// <summary>Memory and disk for the bodies that wait, and the count of those for which there was no room.</summary>
internal sealed partial class SpoolStore(BufferingOptions options, TimeProvider time, ILogger<SpoolStore> logger)
{
    private const string DefaultDirectory = "/var/tmp";

    private readonly string _directory = options.Directory ?? DefaultDirectory;
    private readonly LogThrottle _logs = new(burst: 1, perSecond: 1.0 / 60, time);
    private readonly long[] _failures = new long[2];
    private long _files;

    /// <summary>The room for all bodies that wait in memory.</summary>
    public SpoolBudget Memory { get; } = new(ByteSize.Parse(options.Memory));

    /// <summary>The room for all bodies that wait in files.</summary>
    public SpoolBudget DiskSpace { get; } = new(ByteSize.Parse(options.Disk));

    /// <summary>How many threads may wait for the disk at a time.</summary>
    public SemaphoreSlim Disk { get; } = new(Math.Max(1, Environment.ProcessorCount / 2));

    /// <summary>Bodies that went to a file, since the proxy started.</summary>
    public long Files => Volatile.Read(ref _files);

    /// <summary>Bodies for which there was no room, since the proxy started.</summary>
    public long Failures(SpoolFailure reason) => Volatile.Read(ref _failures[(int)reason]);

    /// <summary>A new file.</summary>
    /// <returns>Null: there is none to be had, which has been counted.</returns>
    public SpoolFile? TryOpen()
    {
        if (DiskSpace.Limit == 0)
        {
            Count(SpoolFailure.Quota, "there is to be no file (Upstream:Buffering:Disk is 0)");
            return null;
        }

        try
        {
            var file = new SpoolFile(UnlinkedFile.Open(_directory), this);
            Interlocked.Increment(ref _files);
            return file;
        }
        catch (IOException failure)
        {
            Count(SpoolFailure.Disk, failure.Message);
            return null;
        }
    }

    /// <summary>A body is passed on as it comes, for want of room.</summary>
    public void Count(SpoolFailure reason, string detail)
    {
        Interlocked.Increment(ref _failures[(int)reason]);
        if (_logs.TryTake())
        {
            Log.NoRoom(logger, detail, Failures(SpoolFailure.Quota) + Failures(SpoolFailure.Disk), _directory);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            220,
            LogLevel.Warning,
            "There is no room for the body of a slow client: {Reason}. It is passed on as it comes, and the app waits for its client; traffic goes on. " +
                "{Count} bodies since the start. "
            + "Make room in {Directory}, or set Upstream:Buffering:Directory and Upstream:Buffering:Disk. This is said once a minute at most")]
        public static partial void NoRoom(ILogger logger, string reason, long count, string directory);
    }
}
