using System.Runtime.InteropServices;

namespace EdgeProxy.Compression;

/// <summary>libzstd, as zstd.h 1.4 and later has it. It is on every Debian and Ubuntu: dpkg and libsystemd need it.</summary>
internal static unsafe partial class ZstdNative
{
    public const string Library = "libzstd.so.1";

    public const int CompressionLevel = 100; // ZSTD_c_compressionLevel
    public const int WindowLog = 101;        // ZSTD_c_windowLog

    public const int ResetSession = 1;       // ZSTD_reset_session_only

    [LibraryImport(Library, EntryPoint = "ZSTD_createCCtx")]
    public static partial ZstdContext CreateContext();

    [LibraryImport(Library, EntryPoint = "ZSTD_freeCCtx")]
    public static partial nuint FreeContext(nint context);

    [LibraryImport(Library, EntryPoint = "ZSTD_CCtx_reset")]
    public static partial nuint Reset(ZstdContext context, int what);

    [LibraryImport(Library, EntryPoint = "ZSTD_CCtx_setParameter")]
    public static partial nuint SetParameter(ZstdContext context, int parameter, int value);

    [LibraryImport(Library, EntryPoint = "ZSTD_CCtx_setPledgedSrcSize")]
    public static partial nuint SetSize(ZstdContext context, ulong size);

    [LibraryImport(Library, EntryPoint = "ZSTD_compressStream2")]
    public static partial nuint Compress(ZstdContext context, Buffer* output, Buffer* input, Directive directive);

    [LibraryImport(Library, EntryPoint = "ZSTD_isError")]
    public static partial uint IsError(nuint result);

    [LibraryImport(Library, EntryPoint = "ZSTD_getErrorName")]
    private static partial byte* ErrorName(nuint result);

    /// <exception cref="InvalidOperationException">The result is an error: a bug here, or no memory.</exception>
    public static nuint Check(nuint result) =>
        IsError(result) == 0 ? result : throw new InvalidOperationException($"zstd: {Marshal.PtrToStringUTF8((nint)ErrorName(result))}");

    /// <summary>ZSTD_EndDirective.</summary>
    internal enum Directive
    {
        Continue,
        Flush,
        End,
    }

    /// <summary>ZSTD_inBuffer and ZSTD_outBuffer.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Buffer
    {
        public byte* Bytes;
        public nuint Size;
        public nuint Position;
    }
}

/// <summary>A compression context: tables that are costly to make and can be used again and again.</summary>
internal sealed class ZstdContext() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => ZstdNative.FreeContext(handle) == 0;
}
