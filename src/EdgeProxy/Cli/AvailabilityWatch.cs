using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using EdgeProxy.Common;

namespace EdgeProxy.Cli;

/// <summary>One request of a watch.</summary>
/// <param name="At">When it began.</param>
/// <param name="Status">Null: no response.</param>
/// <param name="Latency">Until the whole body was there, or the error.</param>
/// <param name="Error">Null: a response came, whatever its status.</param>
internal sealed record WatchedRequest(DateTimeOffset At, int? Status, TimeSpan Latency, string? Error)
{
    public bool Ok => Status is >= 200 and < 300 && Error is null;
}

/// <summary>What a watch saw.</summary>
internal sealed record WatchSummary(int Requests, int Failures, TimeSpan Median, TimeSpan P99, TimeSpan Longest);

/// <summary>Asks for a URL at an interval, each time over a new connection, as a new client does. Redirects are not followed: they are not what was asked
/// for.</summary>
internal sealed class AvailabilityWatch(Uri url, TimeSpan interval, TimeProvider time)
{
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(30);

    private readonly LatencySample _latencies = new();
    private int _failures;

    /// <summary>Runs until the count is reached or the token fires, and sums up.</summary>
    /// <param name="count">Null: no bound.</param>
    /// <param name="output">Gets a line a request and the summary.</param>
    /// <param name="json">Lines of JSON.</param>
    /// <param name="cancellationToken">Ends the watch in good order; a request that it interrupts is not counted.</param>
    /// <returns>Whether every request got a 2xx. A watch without any request did not see a failure.</returns>
    public async Task<bool> RunAsync(int? count, TextWriter output, bool json, CancellationToken cancellationToken)
    {
        try
        {
            using var timer = new PeriodicTimer(interval, time);
            do
            {
                var request = await RequestAsync(cancellationToken);
                Count(request);
                await output.WriteLineAsync(json ? JsonSerializer.Serialize(request, CliJson.Relaxed.WatchedRequest) : Line(request));
                await output.FlushAsync(CancellationToken.None);
            }
            while (_latencies.Count != count && await timer.WaitForNextTickAsync(cancellationToken));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Ctrl-C is how a watch ends.
        }

        var summary = new WatchSummary(_latencies.Count, _failures, _latencies.Quantile(0.5), _latencies.Quantile(0.99), _latencies.Quantile(1));
        await output.WriteLineAsync(json ? JsonSerializer.Serialize(summary, CliJson.Relaxed.WatchSummary) : Sum(summary));
        return _failures == 0;
    }

    private void Count(WatchedRequest request)
    {
        _latencies.Add(request.Latency);
        _failures += request.Ok ? 0 : 1;
    }

    private async Task<WatchedRequest> RequestAsync(CancellationToken cancellationToken)
    {
        using var http = new HttpClient(
            new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false })
        { Timeout = Timeout.InfiniteTimeSpan };
        using var timeout = new Deadline(RequestTimeout, time, cancellationToken);
        var at = time.GetUtcNow();
        var began = time.GetTimestamp();
        int? status = null;
        try
        {
            using var response = await http.GetAsync(url, HttpCompletionOption.ResponseHeadersRead, timeout.Token);
            status = (int)response.StatusCode;
            await response.Content.CopyToAsync(Stream.Null, timeout.Token);
            return new WatchedRequest(at, status, time.GetElapsedTime(began), null);
        }
        catch (OperationCanceledException) when (timeout.HasPassed && !cancellationToken.IsCancellationRequested)
        {
            return new WatchedRequest(at, status, time.GetElapsedTime(began), $"no complete response within {RequestTimeout.TotalSeconds} s");
        }
        catch (SocketException) // a connection that was reset before HttpClient had looked at it
        {
            return new WatchedRequest(at, status, time.GetElapsedTime(began), new SocketException((int)SocketError.ConnectionReset).Message);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return new WatchedRequest(at, status, time.GetElapsedTime(began), Describe(e));
        }
    }

    private static string Describe(Exception e) => e.InnerException is SocketException socket ? socket.Message : (e.InnerException ?? e).Message;

    /// <summary><c>23:59:59 200 0.012s</c>; <c>000</c> stands for no response, as curl's <c>%{http_code}</c> has it.</summary>
    private static string Line(WatchedRequest request) => string.Create(
        CultureInfo.InvariantCulture,
        $"{request.At.ToLocalTime():HH:mm:ss} {request.Status ?? 0:000} " +
            $"{request.Latency.TotalSeconds:0.000}s{(request.Error is null ? "" : $"  {request.Error}")}");

    private static string Sum(WatchSummary summary) => string.Create(
        CultureInfo.InvariantCulture,
        $"{summary.Requests} requests, {summary.Failures} failed; median {summary.Median.TotalSeconds:0.000}s, p99 {summary.P99.TotalSeconds:0.000}s, " +
            $"longest {summary.Longest.TotalSeconds:0.000}s");
}
