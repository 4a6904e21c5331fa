using System.Runtime.InteropServices;

namespace EdgeProxy.Hosting;

/// <summary>How many descriptors this process may have open (<c>RLIMIT_NOFILE</c>, getrlimit(2)).</summary>
/// <remarks>
/// systemd starts services with 1024, for the sake of select(2), which nothing here uses; a WebSocket takes two. The runtime raises it by itself,
/// but not in a native binary. Units are systemd's children and not concerned; a child process of <c>Units:Manager</c> <c>Process</c> inherits it.
/// </remarks>
internal static partial class DescriptorLimit
{
    private const int DescriptorsResource = 7; // RLIMIT_NOFILE, on x64 and arm64

    /// <summary>Raises it as far as the process may by itself (the hard limit, <c>LimitNOFILE=</c>). Where that is refused it stays as it is.</summary>
    public static void Raise()
    {
        if (GetLimit(DescriptorsResource, out var limit) == 0 && limit.Soft < limit.Hard)
        {
            _ = SetLimit(DescriptorsResource, limit with { Soft = limit.Hard });
        }
    }

    /// <summary>rlim_t is as wide as a pointer.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private record struct Limit(nuint Soft, nuint Hard);

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetLimit(int resource, in Limit limit);
}
