namespace EdgeProxy.Platform;

/// <summary>The largest file that this process may write (<c>RLIMIT_FSIZE</c>, <c>LimitFSIZE=</c>, setrlimit(2)).</summary>
/// <remarks>The kernel ends a process that writes beyond it, by SIGXFSZ: a full access log, or one large upload, would end all traffic.</remarks>
internal static class FileSizeLimit
{
    /// <summary>SIGXFSZ on x64 and arm64, signal(7). A child inherits that it is ignored (execve(2)).</summary>
    public const int Signal = 25;

    /// <summary>Makes a write beyond the limit fail from now on, as one to a full disk does.</summary>
    public static void LetWritesFail() => _ = LibC.SetSignalAction(Signal, LibC.Ignore);

    /// <summary>What such a write is to its caller: .NET says for EFBIG that an argument is out of range.</summary>
    public static IOException Reached(ArgumentOutOfRangeException failure) =>
        new("File too large: it has reached the process's limit (LimitFSIZE=, RLIMIT_FSIZE) or the file system's", failure);
}
