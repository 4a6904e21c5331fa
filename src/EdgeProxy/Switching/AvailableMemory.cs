using System.Globalization;

namespace EdgeProxy.Switching;

/// <summary>How much memory the machine can still give out.</summary>
internal static class AvailableMemory
{
    /// <summary>MemAvailable of proc_meminfo(5) in bytes; null: not known.</summary>
    public static long? Read() => Read("/proc/meminfo");

    internal static long? Read(string path)
    {
        try
        {
            foreach (var line in File.ReadLines(path))
            {
                if (line.StartsWith("MemAvailable:", StringComparison.Ordinal)
                    && long.TryParse(
                        line.AsSpan("MemAvailable:".Length).TrimEnd(" kB"), NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture, out var kilobytes))
                {
                    return kilobytes * 1024;
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not known: the check is skipped.
        }

        return null;
    }
}
