using EdgeProxy.Platform;

namespace EdgeProxy.Diagnostics.AccessLogging;

/// <summary>Where lines go: a file, opened when it is first needed, or standard output. For one writer.</summary>
/// <param name="path">Null: standard output.</param>
internal sealed class LineOutput(string? path) : IDisposable
{
    /// <summary>Users in the group of the proxy may read: a log names clients.</summary>
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;

    private static readonly byte[] _newLine = "\n"u8.ToArray();

    private Stream? _stream;
    private bool _isTorn;

    /// <summary>The name of the output, for messages.</summary>
    public string Name => path ?? "standard output";

    /// <summary>Writes lines at the end, and leaves nothing in memory.</summary>
    /// <exception cref="IOException">They could not be written, or not all; the next ones begin on a line of their own.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be opened.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> lines)
    {
        var stream = _stream ??= Open();
        if (lines.IsEmpty)
        {
            return;
        }

        if (stream.CanSeek && stream.Length < stream.Position)
        {
            stream.Seek(0, SeekOrigin.End); // logrotate's copytruncate: else zeros would fill the gap
        }

        try
        {
            if (_isTorn)
            {
                await stream.WriteAsync(_newLine);
            }

            _isTorn = true;
            await stream.WriteAsync(lines);
            _isTorn = false;
        }
        catch (ArgumentOutOfRangeException tooLarge)
        {
            throw FileSizeLimit.Reached(tooLarge);
        }
    }

    /// <summary>Opens the file by its name again. Standard output stays as it is.</summary>
    public void Reopen()
    {
        if (path is not null)
        {
            Dispose();
        }
    }

    public void Dispose()
    {
        _stream?.Dispose();
        _stream = null;
    }

    private Stream Open() => path is null
        ? Console.OpenStandardOutput()
        : new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Append,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
            UnixCreateMode = Mode,
        });
}
