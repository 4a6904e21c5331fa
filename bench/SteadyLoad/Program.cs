using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;

// GETs at a fixed rate, whatever the server does: steady-load URL RATE SECONDS. Each latency counts from the moment at which its request
// was due, so that a server that stalls is charged for everyone it kept waiting (no coordinated omission). Connections are kept and, when
// the server closes one in its idle time, replaced as a browser would: that is no failure. One line of JSON, latencies in microseconds.
var url = new Uri(args[0]);
var rate = double.Parse(args[1], CultureInfo.InvariantCulture);
var length = TimeSpan.FromSeconds(double.Parse(args[2], CultureInfo.InvariantCulture));

using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, UseCookies = false }) { Timeout = TimeSpan.FromSeconds(30) };
var time = TimeProvider.System;
var latencies = new ConcurrentBag<double>();
var failures = new ConcurrentBag<string>();
var running = new List<Task>();

// Connections and this program's own code are warm before anything counts.
for (var i = 0; i < 50; i++)
{
    await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => SendAsync(time.GetTimestamp())));
}

latencies.Clear();
failures.Clear();

// One request at a time, each when it is due: the runtime's timers look at a clock of 4 ms, and would send eight at once instead.
var pace = new Thread(() =>
{
    var began = time.GetTimestamp();
    for (var sent = 0; sent < rate * length.TotalSeconds; sent++)
    {
        var due = began + (long)(sent / rate * time.TimestampFrequency);
        Clock.WaitUntil(due);
        running.Add(SendAsync(due));
    }
});
pace.Start();
pace.Join();
await Task.WhenAll(running);
var ordered = latencies.Order().ToList();
Console.WriteLine(string.Create(
    CultureInfo.InvariantCulture,
    $$"""{"requests":{{ordered.Count + failures.Count}},"seconds":{{length.TotalSeconds}},"failed":{{failures.Count}},"p50":{{At(0.5):0.0}},"p99":{{At(0.99):0.0}},"p999":{{At(0.999):0.0}}}"""));
foreach (var failure in failures.GroupBy(why => why).OrderByDescending(group => group.Count()).Take(5))
{
    await Console.Error.WriteLineAsync($"{failure.Count()} x {failure.Key}");
}

double At(double share) => ordered.Count == 0 ? 0 : ordered[Math.Min(ordered.Count - 1, (int)(ordered.Count * share))];

async Task SendAsync(long due)
{
    try
    {
        using var response = await client.GetAsync(url);
        if (response.IsSuccessStatusCode)
        {
            latencies.Add(time.GetElapsedTime(due).TotalMicroseconds);
        }
        else
        {
            failures.Add(((int)response.StatusCode).ToString(CultureInfo.InvariantCulture));
        }
    }
    catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException)
    {
        failures.Add($"{failure.GetType().Name}: {failure.Message}");
    }
}

internal static partial class Clock
{
    private const int Monotonic = 1;
    private const int Absolute = 1;
    private const int SetTimerSlack = 29;

    /// <param name="timestamp">Of <see cref="TimeProvider.GetTimestamp"/>: nanoseconds of CLOCK_MONOTONIC on Linux. One that has passed is not waited
    /// for.</param>
    public static void WaitUntil(long timestamp)
    {
        // The kernel may be 50 microseconds late by default (PR_SET_TIMERSLACK, prctl(2)). A signal ends the wait early: the rest is waited for.
        _ = Control(SetTimerSlack, 1, 0, 0, 0);
        while (TimeProvider.System.GetTimestamp() < timestamp)
        {
            _ = Sleep(Monotonic, Absolute, new Moment(timestamp / 1_000_000_000, timestamp % 1_000_000_000), 0);
        }
    }

    /// <summary>struct timespec.</summary>
    private record struct Moment(long Seconds, long Nanoseconds);

    [LibraryImport("libc", EntryPoint = "clock_nanosleep")]
    private static partial int Sleep(int clock, int flags, in Moment until, nint rest);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int Control(int option, nuint second, nuint third, nuint fourth, nuint fifth);
}
