using EdgeProxy.Tls;

namespace EdgeProxy.Notify;

/// <summary>Looks once a minute whether a certificate is in danger, and says so once a day for as long as it is.</summary>
/// <remarks>In danger: none while attempts fail, expired, or with less than a week (of short ones a quarter of their life) left. A good one is renewed long
/// before that.</remarks>
internal sealed class CertificateWatch(CertificateStatusRegistry board, Notifier notifier, TimeProvider time) : BackgroundService
{
    private const int FailuresOfDanger = 3;

    private static readonly TimeSpan _look = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan _week = TimeSpan.FromDays(7);

    private readonly Dictionary<string, DateTimeOffset> _told = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(_look, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            Look();
        }
    }

    private void Look()
    {
        var now = time.GetUtcNow();
        foreach (var status in board.Read())
        {
            if (WhatIsWrong(status, now) is not { } words)
            {
                _told.Remove(status.Name);
            }
            else if (!_told.TryGetValue(status.Name, out var last) || now - last >= TimeSpan.FromDays(1))
            {
                _told[status.Name] = now;
                notifier.CertificateInDanger(status.Name, words, status.LastError);
            }
        }
    }

    /// <returns>Null: nothing.</returns>
    private static string? WhatIsWrong(CertificateStatus status, DateTimeOffset now)
    {
        if (status.NotAfter is not { } end)
        {
            return status.Failures >= FailuresOfDanger ? "is missing: handshakes for it are refused" : null;
        }

        var quarter = (end - (status.NotBefore ?? end)) / 4;
        return end <= now ? "has expired"
            : end - now < (quarter < _week ? quarter : _week) ? $"ends at {end.UtcDateTime:yyyy-MM-dd HH:mm} UTC"
            : null;
    }
}
