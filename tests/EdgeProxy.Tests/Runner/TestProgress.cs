using System.Globalization;

namespace EdgeProxy.Tests.Runner;

internal enum TestOutcome
{
    Passed,
    Failed,
    Skipped,

    /// <summary>Explicit, and not asked for.</summary>
    NotRun,
}

/// <summary>
/// What a run has done so far, as lines of a file: each begins with the time and the counts, so that the last line says how far a run came that was killed.
/// Thread-safe.
/// </summary>
/// <param name="file">Appended to.</param>
/// <param name="cases">How many there are; a theory whose rows are made while it runs is one of them.</param>
internal sealed class TestProgress(string file, int cases, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly long _start = time.GetTimestamp();
    private readonly Dictionary<string, (string Name, long Start)> _classes = [];
    private readonly Dictionary<string, (string Name, long Start)> _tests = [];
    private int _passed;
    private int _failed;
    private int _skipped;
    private long _lastNews = time.GetTimestamp();

    /// <summary>No test began or ended for so long.</summary>
    public TimeSpan Silence
    {
        get
        {
            lock (_lock)
            {
                return time.GetElapsedTime(_lastNews);
            }
        }
    }

    public bool HasEnded { get; private set; }

    public void ClassStarts(string id, string name)
    {
        lock (_lock)
        {
            _classes[id] = (name, time.GetTimestamp());
            _lastNews = time.GetTimestamp();
        }
    }

    public void ClassEnds(string id, int tests)
    {
        lock (_lock)
        {
            if (_classes.Remove(id, out var ended))
            {
                Write($"{ended.Name}: {tests} tests in {Seconds(ended.Start)}");
            }

            _lastNews = time.GetTimestamp();
        }
    }

    public void TestStarts(string id, string name)
    {
        lock (_lock)
        {
            _tests[id] = (name, time.GetTimestamp());
            _lastNews = time.GetTimestamp();
        }
    }

    public void TestEnds(string id, TestOutcome outcome, string? message = null)
    {
        lock (_lock)
        {
            _lastNews = time.GetTimestamp();
            _tests.Remove(id, out var ended);
            _passed += outcome == TestOutcome.Passed ? 1 : 0;
            _skipped += outcome == TestOutcome.Skipped ? 1 : 0;
            if (outcome == TestOutcome.Failed)
            {
                _failed++;
                Write($"FAILED after {Seconds(ended.Start)}: {ended.Name}: {FirstLine(message)}");
            }
        }
    }

    /// <summary>Something that is no test failed.</summary>
    public void Error(string? message)
    {
        lock (_lock)
        {
            Write($"ERROR outside of a test: {FirstLine(message)}");
        }
    }

    public void RunEnds()
    {
        lock (_lock)
        {
            HasEnded = true;
            _lastNews = time.GetTimestamp();
            Write("all tests have ended");
        }
    }

    /// <summary>Which tests run now, the longest first; between two tests of a class its name instead.</summary>
    public void Report(string what = "running")
    {
        lock (_lock)
        {
            var now = _tests.Values.Concat(
                _classes.Values.Where(one => !_tests.Values.Any(test => test.Name.StartsWith(one.Name + ".", StringComparison.Ordinal))));
            Write($"{what}: {string.Join(", ", now.OrderBy(one => one.Start).Select(one => $"{one.Name} ({Seconds(one.Start)})"))}");
        }
    }

    private static string FirstLine(string? message) => message?.Split('\n')[0].TrimEnd() ?? "";

    private string Seconds(long start) => string.Create(CultureInfo.InvariantCulture, $"{time.GetElapsedTime(start).TotalSeconds:0.0} s");

    private void Write(string line) => File.AppendAllText(
        file,
        string.Create(
            CultureInfo.InvariantCulture,
            $"[{time.GetElapsedTime(_start):hh\\:mm\\:ss} {_passed} passed, {_failed} failed, {_skipped} skipped of {cases}] {line}\n"));
}
