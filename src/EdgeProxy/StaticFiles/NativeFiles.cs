using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.StaticFiles;

/// <summary>The system calls behind <see cref="RootDirectory"/>. The base class library opens FIFOs and devices, which blocks, and cannot open relative to a
/// directory.</summary>
internal static unsafe partial class NativeFiles
{
    public const int NotPermitted = 1;         // EPERM
    public const int NoSuchDevice = 6;         // ENXIO
    public const int AccessDenied = 13;        // EACCES
    public const int NoEntry = 2;              // ENOENT
    public const int NotADirectory = 20;       // ENOTDIR
    public const int TooManyOpenInSystem = 23; // ENFILE
    public const int TooManyOpen = 24;         // EMFILE
    public const int NameTooLong = 36;         // ENAMETOOLONG
    public const int TooManyLinks = 40;        // ELOOP

    /// <summary>O_PATH | O_CLOEXEC: a handle on the place, nothing is opened. No FIFO blocks and no device notices.</summary>
    private const int AsPath = 0x20_0000 | 0x8_0000;

    /// <summary>O_RDONLY | O_CLOEXEC | O_NOCTTY.</summary>
    private const int ForReading = 0x8_0000 | 0x100;

    private const int CurrentDirectory = -100; // AT_FDCWD
    private const int OfTheHandle = 0x1000;    // AT_EMPTY_PATH
    private const uint BasicStats = 0x7ff;     // STATX_BASIC_STATS

    /// <summary>The place of an absolute path; invalid, with the error of <see cref="Marshal.GetLastPInvokeError"/>, where there is none.</summary>
    public static SafeFileHandle Locate(string path) => OpenAt(CurrentDirectory, path, AsPath);

    /// <summary>Whether there is a directory, or something that is none, at a path; also for what cannot be looked at: no.</summary>
    /// <param name="path">Absolute, as <see cref="ByteName"/> has it.</param>
    public static bool IsThere(string path, bool isDirectory)
    {
        fixed (byte* name = ByteName.ToBytes(path))
        {
            Stat stat;
            return StatX(CurrentDirectory, name, 0, BasicStats, &stat) == 0 && stat.IsDirectory == isDirectory;
        }
    }

    /// <summary>Opens a place, without reading from it, relative to a directory.</summary>
    /// <param name="path">A name as <see cref="ByteName"/> has it.</param>
    public static SafeFileHandle Locate(SafeFileHandle directory, string path)
    {
        if (!ByteName.HasEscapes(path))
        {
            return OpenAt(directory, path, AsPath);
        }

        fixed (byte* name = ByteName.ToBytes(path))
        {
            return OpenAt(directory, name, AsPath);
        }
    }

    /// <summary>Opens for reading what a handle of <see cref="Locate(string)"/> stands for: the same inode, whatever has its name by now.</summary>
    public static SafeFileHandle OpenForReading(SafeFileHandle place)
    {
        Span<byte> link = stackalloc byte[LinkLength];
        WriteLink(place, link);
        fixed (byte* name = link)
        {
            return OpenAt(CurrentDirectory, name, ForReading);
        }
    }

    /// <summary>Finds the path at which the handle's file is now, with links resolved.</summary>
    /// <param name="path">Receives it, in bytes.</param>
    /// <returns>Its length; at least the buffer's length where that is too small.</returns>
    /// <exception cref="IOException">/proc is not there.</exception>
    public static int PathOf(SafeFileHandle place, Span<byte> path)
    {
        Span<byte> link = stackalloc byte[LinkLength];
        WriteLink(place, link);
        fixed (byte* name = link, target = path)
        {
            var length = ReadLink(name, target, (nuint)path.Length);
            return length >= 0 ? (int)length : throw new IOException($"/proc/self/fd cannot be read (errno {Marshal.GetLastPInvokeError()})");
        }
    }

    /// <exception cref="IOException">The file system does not respond.</exception>
    public static Stat StatOf(SafeFileHandle place)
    {
        Stat stat;
        byte nothing = 0;
        return StatX(place, &nothing, OfTheHandle, BasicStats, &stat) == 0
            ? stat
            : throw new IOException($"statx failed (errno {Marshal.GetLastPInvokeError()})");
    }

    private const int LinkLength = 32;

    private static void WriteLink(SafeFileHandle place, Span<byte> link)
    {
        if (!System.Text.Unicode.Utf8.TryWrite(link, $"/proc/self/fd/{place.DangerousGetHandle()}\0", out _))
        {
            throw new InvalidOperationException("a descriptor with more digits than an int has");
        }
    }

    // openat(2) is variadic; its fourth argument is read with O_CREAT only.
    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle OpenAt(int directory, string path, int flags);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle OpenAt(SafeFileHandle directory, string path, int flags);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    private static partial SafeFileHandle OpenAt(int directory, byte* path, int flags);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    private static partial SafeFileHandle OpenAt(SafeFileHandle directory, byte* path, int flags);

    [LibraryImport("libc", EntryPoint = "readlink", SetLastError = true)]
    private static partial nint ReadLink(byte* path, byte* target, nuint size);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int StatX(SafeFileHandle directory, byte* path, int flags, uint mask, Stat* stat);

    [LibraryImport("libc", EntryPoint = "statx")]
    private static partial int StatX(int directory, byte* path, int flags, uint mask, Stat* stat);

    /// <summary>struct statx (statx(2)): the one description of a file whose layout is the same on every processor.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    internal readonly struct Stat
    {
        private const int TypeMask = 0xF000;
        private const int RegularType = 0x8000;
        private const int DirectoryType = 0x4000;

        [FieldOffset(28)]
        private readonly ushort _mode;

        [FieldOffset(32)]
        private readonly ulong _inode;

        [FieldOffset(40)]
        private readonly ulong _size;

        [FieldOffset(96)]
        private readonly Time _changed;

        [FieldOffset(112)]
        private readonly Time _modified;

        [FieldOffset(136)]
        private readonly uint _deviceMajor;

        [FieldOffset(140)]
        private readonly uint _deviceMinor;

        public bool IsRegularFile => (_mode & TypeMask) == RegularType;

        public bool IsDirectory => (_mode & TypeMask) == DirectoryType;

        public FileIdentity Identity => new(((ulong)_deviceMajor << 32) | _deviceMinor, _inode, (long)_size, _modified.Nanoseconds, _changed.Nanoseconds);

        [StructLayout(LayoutKind.Sequential)]
        private readonly struct Time
        {
            private readonly long _seconds;
            private readonly uint _nanoseconds;
            private readonly int _padding;

            public long Nanoseconds => unchecked((_seconds * 1_000_000_000) + _nanoseconds);
        }
    }
}
