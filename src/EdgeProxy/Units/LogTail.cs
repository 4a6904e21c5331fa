using System.Text;

namespace EdgeProxy.Units;

/// <summary>The end of a log file.</summary>
internal static class LogTail
{
    /// <summary>No line of a log worth quoting is longer on average.</summary>
    private const int BytesPerLine = 512;

    /// <summary>The last lines, oldest first; the path of the file is the first. A file that cannot be read is one line that says why.</summary>
    /// <param name="path">Null: no lines.</param>
    /// <param name="maxLines">At most so many lines of the file; at most 512 bytes a line are read, so very long ones are fewer.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public static async Task<IReadOnlyList<string>> ReadAsync(string? path, int maxLines, CancellationToken cancellationToken)
    {
        if (path is null)
        {
            return [];
        }

        try
        {
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var start = Math.Max(0, file.Length - ((long)maxLines * BytesPerLine));
            file.Position = start;
            using var reader = new StreamReader(file, Encoding.UTF8);
            var lines = (await reader.ReadToEndAsync(cancellationToken)).TrimEnd('\n').Split('\n');
            // What is before the first line feed is the rest of a line, unless the file was read from its start.
            return [$"{path}:", .. lines.Skip(start > 0 ? 1 : 0).TakeLast(maxLines).Select(line => line.TrimEnd('\r'))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [$"{path}: {e.Message}"];
        }
    }
}
