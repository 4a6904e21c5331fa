using System.Globalization;

namespace EdgeProxy.Configuration;

/// <summary>A number of bytes as people write it: <c>64MB</c>. A KB is 1024 bytes.</summary>
internal static class ByteSize
{
    /// <summary>What <see cref="TryParse"/> accepts, for messages.</summary>
    public const string Allowed = "a whole number with B, KB, MB or GB, such as 64MB";

    private static readonly (string Unit, long Bytes)[] _units = [("KB", 1L << 10), ("MB", 1L << 20), ("GB", 1L << 30), ("B", 1)];

    /// <exception cref="FormatException">It is not <see cref="Allowed"/>.</exception>
    public static long Parse(string text) => TryParse(text, out var bytes) ? bytes : throw new FormatException($"\"{text}\" is not {Allowed}");

    public static bool TryParse(string? text, out long bytes)
    {
        bytes = 0;
        var (unit, size) = _units.FirstOrDefault(candidate => text?.EndsWith(candidate.Unit, StringComparison.OrdinalIgnoreCase) == true);
        if (unit is null
            || !long.TryParse(text.AsSpan()[..^unit.Length].TrimEnd(), NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            || count > long.MaxValue / size)
        {
            return false;
        }

        bytes = count * size;
        return true;
    }
}
