using System.Globalization;
using System.Text.RegularExpressions;
using EdgeProxy.Cli;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.EndToEnd.Story;

/// <summary>What may become of requests in a stage.</summary>
internal enum StageKind
{
    /// <summary>Every one gets a response.</summary>
    Quiet,

    /// <summary>The ports change hands: whoever comes while they are nobody's is turned away, for as long as the script says.</summary>
    PortsMove,

    /// <summary>The machine is down for a while: nobody listens, and before that EdgeProxy says so (503) to whom it has let in when the app has ended
    /// already.</summary>
    Down,
}

/// <summary>A part of the story.</summary>
/// <param name="Said">What its script said.</param>
/// <param name="Ended">Every watch has had a good response after it by then.</param>
internal sealed record Stage(string Name, StageKind Kind, string Said, DateTimeOffset Began, DateTimeOffset Ended);

/// <summary>The story as clients see it: <c>edgeproxy watch</c> from outside, over HTTP and HTTPS, of a page, of one that takes its time, and of a file that
/// an old page asks for.</summary>
internal sealed partial class StoryLog : IDisposable
{
    /// <summary>Of the page that takes its time: a request in flight in whatever happens.</summary>
    public const string SlowPath = "/slow?ms=1000";

    private readonly List<Stage> _stages = [];
    private readonly List<OutsideWatch> _watches = [];

    public void Watch(OutsideWatch watch) => _watches.Add(watch);

    /// <summary>Does one stage, and waits until every watch has had a good response to a request after it.</summary>
    /// <returns>What it said.</returns>
    public async Task<string> StageAsync(string name, StageKind kind, Func<Task<string>> act)
    {
        var began = TimeProvider.System.GetUtcNow();
        var said = await act();
        var done = TimeProvider.System.GetUtcNow();
        foreach (var watch in _watches)
        {
            await Eventually.TrueAsync(
                () => watch.Requests.Any(request => request.At > done && watch.IsGood(request)), $"{watch.Url} responds after '{name}'");
        }

        _stages.Add(new Stage(name, kind, said, began, TimeProvider.System.GetUtcNow()));
        return said;
    }

    /// <summary>Reports a line a stage.</summary>
    public void Report()
    {
        foreach (var stage in _stages)
        {
            var requests = _watches.SelectMany(watch => RequestsOf(watch, stage).Select(request => (watch, request)))
                .ToLookup(pair => pair.watch.Url.PathAndQuery == SlowPath);
            var all = requests.SelectMany(each => each).ToList();
            var failed = all.Where(pair => !pair.watch.IsGood(pair.request)).Select(pair => pair.request).ToList();
            var down = failed.Count == 0
                ? ""
                : string.Create(
                    CultureInfo.InvariantCulture, $" within {(failed.Max(request => request.At) - failed.Min(request => request.At)).TotalSeconds:F2} s");
            Figures.Report(string.Create(
                CultureInfo.InvariantCulture,
                $"the whole story, {stage.Name}: {all.Count} requests over HTTP and HTTPS, {failed.Count} failed{down}, the longest wait " +
                    $"{Longest(requests[false]):F2} s ({Longest(requests[true]):F2} s for a page that takes one)"));
        }

        static double Longest(IEnumerable<(OutsideWatch, WatchedRequest Request)> requests) => requests.Max(pair => pair.Request.Latency.TotalSeconds);
    }

    /// <summary>Fails the test where a request did that should not have, in a stage or between two.</summary>
    public void AssertNobodyLostAnything()
    {
        Assert.All(_watches, watch => Assert.DoesNotContain(watch.Requests, request => !watch.IsGood(request) && !_stages.Any(stage => IsOf(stage, request))));
        foreach (var (stage, watch) in _stages.SelectMany(stage => _watches.Select(watch => (stage, watch))))
        {
            var requests = RequestsOf(watch, stage);
            Assert.NotEmpty(requests);
            var failed = requests.Where(request => !watch.IsGood(request)).ToList();
            if (stage.Kind == StageKind.Quiet)
            {
                Assert.True(failed.Count == 0, $"{stage.Name}, {watch.Url}: {string.Join('\n', failed)}");
                continue;
            }

            Assert.All(failed, request => Assert.True(
                IsTurnedAway(request)
                    || (stage.Kind == StageKind.Down && (request.Status == StatusCodes.Status503ServiceUnavailable || IsClosedBySystemd(request))),
                $"{stage.Name}, {watch.Url}: {request}"));
            if (stage.Kind == StageKind.PortsMove && failed.Count > 0)
            {
                var closed = failed[^1].At - (failed[0].At + failed[0].Latency);
                Assert.True(
                    closed <= GapOf(stage, watch.Url.Scheme),
                    $"{stage.Name}, {watch.Url}: clients were turned away for {closed.TotalMilliseconds} ms, but it says:\n{stage.Said}");
            }
        }
    }

    public void Dispose() => _watches.ForEach(watch => watch.Dispose());

    /// <summary>Those that ended in it: what happens in a stage may meet one that has begun before.</summary>
    private static List<WatchedRequest> RequestsOf(OutsideWatch watch, Stage stage) => [.. watch.Requests.Where(request => IsOf(stage, request))];

    private static bool IsOf(Stage stage, WatchedRequest request) => request.At + request.Latency >= stage.Began && request.At + request.Latency < stage.Ended;

    /// <summary>It never came as far as a server: nobody listened, or the connection was closed before the server had read from it.</summary>
    private static bool IsTurnedAway(WatchedRequest request) =>
        request.Status is null
            && request.Error is { } error
            && (error.Contains("refused", StringComparison.Ordinal) || error.Contains("reset by peer", StringComparison.Ordinal) || error.Contains(
                "unexpected EOF", StringComparison.Ordinal));

    /// <summary>systemd accepts and closes what comes to a socket whose service is about to stop for good ("Suppressing connection request"); over TLS that is
    /// an unexpected EOF.</summary>
    private static bool IsClosedBySystemd(WatchedRequest request) =>
        request.Status is null && request.Error is { } error && error.Contains("ResponseEnded", StringComparison.Ordinal);

    /// <summary>By the script: between two good responses, and what the first of them may have taken, which may have come in before the ports closed.</summary>
    private static TimeSpan GapOf(Stage stage, string scheme)
    {
        var told = Told().Matches(stage.Said).Single(match => match.Groups["scheme"].ValueSpan.Equals(scheme, StringComparison.OrdinalIgnoreCase));
        return Milliseconds(told.Groups["gap"]) + Milliseconds(told.Groups["wait"]);
    }

    private static TimeSpan Milliseconds(Group group) => TimeSpan.FromMilliseconds(int.Parse(group.ValueSpan, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"(?<scheme>HTTPS?): at most (?<gap>\d+) ms between two good responses, the longest wait (?<wait>\d+) ms")]
    private static partial Regex Told();
}
