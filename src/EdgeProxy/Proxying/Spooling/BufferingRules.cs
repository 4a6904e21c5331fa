using EdgeProxy.Configuration;

namespace EdgeProxy.Proxying.Spooling;

/// <summary><c>Upstream:Buffering</c>.</summary>
internal static class BufferingRules
{
    private const long MostBytes = 1L << 40;

    public static void Check(SettingsScope at, BufferingOptions buffering)
    {
        CheckSize(at, nameof(buffering.MemoryPerRequest), buffering.MemoryPerRequest, 4 << 10, 16 << 20, "from 4KB to 16MB");
        CheckSize(at, nameof(buffering.Memory), buffering.Memory, 0, MostBytes, "up to 1024GB");
        CheckSize(at, nameof(buffering.Disk), buffering.Disk, 0, MostBytes, "up to 1024GB");
        at.RequestPaths(nameof(buffering.ExcludePaths), buffering.ExcludePaths);
        if (buffering.Directory is not { } directory)
        {
            return;
        }

        if (!Path.IsPathRooted(directory))
        {
            at.Error(nameof(buffering.Directory), "must be an absolute path of a directory that EdgeProxy may write to");
        }
        else if (!Directory.Exists(directory))
        {
            at.Warn(
                nameof(buffering.Directory),
                "is not there (or not to be seen by this user): until it is, large bodies of slow clients are not held back from the app");
        }
    }

    private static void CheckSize(SettingsScope at, string name, string? value, long min, long max, string range)
    {
        if (!ByteSize.TryParse(value, out var bytes) || bytes < min || bytes > max)
        {
            at.Error(name, $"must be {ByteSize.Allowed}, {range}");
        }
    }
}
