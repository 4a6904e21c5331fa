using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Configuration.Rules;

/// <summary><c>Kestrel</c>, <c>AllowedHosts</c> and the names of the top level: what their owners would report late, or not at all.</summary>
internal static class StandardSectionRules
{
    public static IReadOnlyList<string> Sections { get; } = [EdgeProxyOptions.SectionName, "Kestrel", "Logging", "AllowedHosts", "ReverseProxy"];

    public static void Check(IConfigurationRoot configuration, ProblemList problems)
    {
        CheckTopLevel(configuration, problems);
        CheckAllowedHosts(configuration.GetSection("AllowedHosts"), problems);
        CheckEndpoints(configuration.GetSection("Kestrel:Endpoints"), problems);
        SettingsSchema.Check(configuration.GetSection("Kestrel:Limits"), SettingsShape.Default.KestrelServerLimits, problems);
        CheckDataRate(configuration.GetSection("Kestrel:Limits:MinRequestBodyDataRate"), problems);
        CheckDataRate(configuration.GetSection("Kestrel:Limits:MinResponseDataRate"), problems);
        ReverseProxyRules.Check(configuration.GetSection("ReverseProxy"), problems);
    }

    /// <summary>The file's own sections; the environment has names for everybody.</summary>
    private static void CheckTopLevel(IConfigurationRoot configuration, ProblemList problems)
    {
        var names = configuration.Providers.First().GetChildKeys([], parentPath: null).Distinct(StringComparer.OrdinalIgnoreCase);
        foreach (var name in names.Except(Sections, StringComparer.OrdinalIgnoreCase))
        {
            if (NearestKey.Find(name, Sections) is { } nearest)
            {
                problems.Error(name, $"is not a section; did you mean {nearest}?");
            }
            else
            {
                problems.Warn(name, $"is not read; the sections are {string.Join(", ", Sections)}");
            }
        }
    }

    private static void CheckAllowedHosts(IConfigurationSection section, ProblemList problems)
    {
        if (section.GetChildren().Any())
        {
            problems.Error(section.Path, "must be one text with semicolons: \"shop.example.com;www.example.com\"");
        }

        foreach (var host in (section.Value ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var name = host.StartsWith("*.", StringComparison.Ordinal) ? host[2..] : host;
            if (name != "*" && Uri.CheckHostName(name) == UriHostNameType.Unknown)
            {
                problems.Error(section.Path, $"has \"{host}\"; each entry must be a host name without scheme and port, *.name, or *");
            }
        }
    }

    private static void CheckEndpoints(IConfigurationSection endpoints, ProblemList problems)
    {
        foreach (var endpoint in endpoints.GetChildren())
        {
            var url = endpoint.GetSection("Url");
            if (!IsBindingAddress(url.Value))
            {
                problems.Error(url.Path, url.Value is null ? "is missing: where to listen, such as http://*:80" : "must be an address to listen on, such as http://*:80 or http://127.0.0.1:8080");
            }
        }
    }

    /// <summary>What Kestrel would throw at the start. Values of another type are reported with the rest of <c>Kestrel:Limits</c>.</summary>
    private static void CheckDataRate(IConfigurationSection section, ProblemList problems)
    {
        var (rate, grace) = (section.GetSection("BytesPerSecond"), section.GetSection("GracePeriod"));
        if (double.TryParse(rate.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var bytes) && bytes <= 0)
        {
            problems.Error(rate.Path, "must be more than 0");
        }

        if (TimeSpan.TryParse(grace.Value, CultureInfo.InvariantCulture, out var period) && period <= TimeSpan.FromSeconds(1))
        {
            problems.Error(grace.Path, "must be more than 00:00:01: Kestrel looks once in a second");
        }
    }

    private static bool IsBindingAddress(string? text)
    {
        try
        {
            return text is not null && BindingAddress.Parse(text) is { PathBase: "" };
        }
        catch (FormatException)
        {
            return false;
        }
    }
}
