using EdgeProxy.Switching;

namespace EdgeProxy.Configuration.Rules;

/// <summary><c>Health</c>, <c>Switch</c> and <c>Shutdown</c>.</summary>
internal static class SwitchRules
{
    public static void Check(SettingsScope root, EdgeProxyOptions options)
    {
        CheckHealth(root.In(nameof(options.Health)), options.Health);
        CheckSwitch(root.In(nameof(options.Switch)), options.Switch);
        root.In(nameof(options.Shutdown)).Range(nameof(options.Shutdown.DrainTimeout), options.Shutdown.DrainTimeout, TimeSpan.Zero, TimeSpan.FromHours(1));
    }

    private static void CheckHealth(SettingsScope at, HealthOptions health)
    {
        at.RequestPath(nameof(health.Path), health.Path);
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
            at.Warn(nameof(health.Timeout), $"is longer than a candidate may take altogether (Attempts x Interval = {SettingsLeaf.Written(health.StartBudget)})");
        }
    }

    private static void CheckSwitch(SettingsScope at, SwitchOptions @switch)
    {
        at.RequestPaths(nameof(@switch.WarmUp), @switch.WarmUp);
        at.RequestPaths(nameof(@switch.StreamPaths), @switch.StreamPaths);
        at.Range(nameof(@switch.Observe), @switch.Observe, TimeSpan.Zero, TimeSpan.FromHours(1));
        at.Range(nameof(@switch.MaxErrorRatio), @switch.MaxErrorRatio, 0d, 1d);
        at.Range(nameof(@switch.MinObservedRequests), @switch.MinObservedRequests, 1, 1_000_000);
        at.Range(nameof(@switch.DrainTimeout), @switch.DrainTimeout, TimeSpan.Zero, TimeSpan.FromHours(24));
        at.Range(nameof(@switch.StreamDrainTimeout), @switch.StreamDrainTimeout, TimeSpan.Zero, TimeSpan.FromHours(24));
        at.Range(nameof(@switch.KeepWarm), @switch.KeepWarm, TimeSpan.Zero, TimeSpan.FromDays(7));
    }

    private static bool IsHostHeader(string text) =>
        Uri.TryCreate($"http://{text}/", UriKind.Absolute, out var uri) && uri is { PathAndQuery: "/", UserInfo: "", Fragment: "" } && !text.Contains('/', StringComparison.Ordinal);
}
