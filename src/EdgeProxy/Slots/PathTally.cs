using System.Collections.Concurrent;

namespace EdgeProxy.Slots;

/// <summary>Which paths the bad requests to a slot are for, while somebody wants to know: 5xx, and those that are slower than a bound.</summary>
/// <remarks>Paths are what clients write: their number is bounded, segments with a digit (ids) count as one, and they are percent-encoded as in a URL, as they
/// are shown in terminals and chats.</remarks>
/// <param name="slow">Ordinary requests whose response begins later are slow.</param>
internal sealed class PathTally(TimeSpan slow)
{
    /// <summary>More are counted as <see cref="Others"/>.</summary>
    public const int Capacity = 256;

    public const string Others = "other paths";

    private const int LongestPath = 100;

    private readonly ConcurrentDictionary<string, Count> _paths = new(StringComparer.Ordinal);

    public TimeSpan Slow => slow;

    public void Add(string? path, bool isError)
    {
        var pattern = PatternOf(path ?? "/");
        var count = _paths.TryGetValue(pattern, out var known) ? known : _paths.GetOrAdd(_paths.Count < Capacity ? pattern : Others, static _ => new Count());
        Interlocked.Increment(ref isError ? ref count.Errors : ref count.Slow);
    }

    /// <summary>The three with most of them, the worst first.</summary>
    /// <param name="errors">Those with a 5xx; otherwise the slow ones.</param>
    public IReadOnlyList<(string Path, long Requests)> Worst(bool errors) =>
    [
        .. _paths.Select(path => (Path: path.Key, Requests: Volatile.Read(ref errors ? ref path.Value.Errors : ref path.Value.Slow)))
            .Where(path => path.Requests > 0)
            .OrderByDescending(path => path.Requests).ThenBy(path => path.Path, StringComparer.Ordinal).Take(3),
    ];

    /// <summary><c>/orders/123/lines</c> is <c>/orders/*/lines</c>.</summary>
    internal static string PatternOf(string path)
    {
        var segments = path.Split('/').Select(segment => segment.Any(char.IsAsciiDigit) ? "*" : segment);
        var pattern = string.Join('/', segments);
        pattern = pattern.StartsWith('/') ? new PathString(pattern).ToUriComponent() : Uri.EscapeDataString(pattern); // the other one is no path: "*"
        return pattern.Length <= LongestPath ? pattern : pattern[..LongestPath] + "...";
    }

    private sealed class Count
    {
        public long Errors;
        public long Slow;
    }
}
