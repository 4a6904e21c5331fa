using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace EdgeProxy.Switching;

/// <summary>A set of HTTP status codes, written as codes and ranges: <c>200-299,304</c>.</summary>
internal sealed class StatusRanges
{
    /// <summary>What <see cref="TryParse"/> accepts, for messages.</summary>
    public const string Allowed = "status codes (100 to 599) and ranges with commas between them, such as 200-299,304";

    private readonly ImmutableArray<(int First, int Last)> _ranges;

    private StatusRanges(ImmutableArray<(int First, int Last)> ranges) => _ranges = ranges;

    public static bool TryParse(string? text, [NotNullWhen(true)] out StatusRanges? ranges)
    {
        ranges = null;
        var parts = (text ?? "").Split(',', StringSplitOptions.TrimEntries);
        var parsed = ImmutableArray.CreateBuilder<(int First, int Last)>(parts.Length);
        foreach (var part in parts)
        {
            var dash = part.IndexOf('-', StringComparison.Ordinal);
            if (!TryParseCode(dash < 0 ? part : part[..dash], out var first)
                || !TryParseCode(dash < 0 ? part : part[(dash + 1)..], out var last)
                || first > last)
            {
                return false;
            }

            parsed.Add((first, last));
        }

        ranges = new StatusRanges(parsed.MoveToImmutable());
        return true;
    }

    public bool Contains(int status)
    {
        foreach (var (first, last) in _ranges)
        {
            if (status >= first && status <= last)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The canonical text: <c>200-299,304</c>.</summary>
    public override string ToString() => string.Join(',', _ranges.Select(range =>
        range.First == range.Last
            ? range.First.ToString(CultureInfo.InvariantCulture)
            : string.Create(CultureInfo.InvariantCulture, $"{range.First}-{range.Last}")));

    private static bool TryParseCode(ReadOnlySpan<char> text, out int code) =>
        int.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out code) && code is >= 100 and <= 599;
}
