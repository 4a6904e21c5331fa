using EdgeProxy.Configuration;

namespace EdgeProxy.Switching;

/// <summary><c>Health</c>.</summary>
internal static class HealthRules
{
    public static void Check(SettingsScope at, HealthOptions health)
    {
        if (health.Path is { } path)
        {
            at.RequestPath(nameof(health.Path), path);
        }

        at.Range(nameof(health.Attempts), health.Attempts, 1, 1000);
        at.Range(nameof(health.Interval), health.Interval, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10));
        at.Range(nameof(health.Timeout), health.Timeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10));
        at.Range(nameof(health.Successes), health.Successes, 1, 100);
        at.Range(nameof(health.MonitorInterval), health.MonitorInterval, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        if (!StatusRanges.TryParse(health.ExpectedStatus, out _))
        {
            at.Error(nameof(health.ExpectedStatus), $"must be {StatusRanges.Allowed}");
        }

        if (health.Host is not null && !IsHostHeader(health.Host))
        {
            at.Error(nameof(health.Host), "must be a host name, with a port where the app expects one, such as shop.example.com");
        }

        if (health.Timeout > health.StartBudget)
        {
            at.Warn(
                nameof(health.Timeout), $"is longer than a candidate may take altogether (Attempts x Interval = {SettingsLeaf.Written(health.StartBudget)})");
        }
    }

    private static bool IsHostHeader(string text) =>
        Uri.TryCreate($"http://{text}/", UriKind.Absolute, out var uri)
            && uri is { PathAndQuery: "/", UserInfo: "", Fragment: "" }
            && !text.Contains('/', StringComparison.Ordinal);
}
