using System.Globalization;
using System.Net;
using System.Text.Json.Serialization;
using EdgeProxy.Configuration;
using EdgeProxy.Tls;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EdgeProxy.Hosting;

/// <summary><c>Kestrel</c> and <c>AllowedHosts</c>: what their owners would report late, or not at all.</summary>
internal static class KestrelRules
{
    public static void Check(IConfiguration configuration, ProblemList problems)
    {
        CheckAllowedHosts(configuration.GetSection("AllowedHosts"), problems);
        CheckEndpoints(configuration.GetSection("Kestrel:Endpoints"), problems);
        SettingsSchema.Check(configuration.GetSection("Kestrel:Limits"), KestrelShape.Default.KestrelServerLimits, problems);
        CheckDataRate(configuration.GetSection("Kestrel:Limits:MinRequestBodyDataRate"), problems);
        CheckDataRate(configuration.GetSection("Kestrel:Limits:MinResponseDataRate"), problems);
    }

    /// <summary>Certificates and the endpoints that serve them need each other.</summary>
    public static void CheckCertificates(IConfiguration configuration, ProblemList problems, TlsOptions tls)
    {
        var kestrel = configuration.GetSection("Kestrel");
        var endpoints = kestrel.GetSection("Endpoints").GetChildren().ToList();
        var https = endpoints.Where(endpoint => PublicListener.IsOurs(endpoint, kestrel)).ToList();
        var hasSource = tls.Internal || tls.Acme.Domains is { Length: > 0 } || tls.Certificates is { Length: > 0 };
        foreach (var endpoint in https.Where(_ => !hasSource))
        {
            problems.Error(
                endpoint.GetSection("Url").Path,
                $"speaks TLS, but nothing names a certificate for it; set {Key(nameof(tls.Acme))}:{nameof(tls.Acme.Domains)} or " +
                    $"{Key(nameof(tls.Certificates))}, or for development {Key(nameof(tls.Internal))}");
        }

        if (hasSource && endpoints.Count > 0 && https.Count == 0)
        {
            problems.Warn(
                TlsOptions.SectionName,
                "has certificates that no endpoint of Kestrel:Endpoints serves; add \"Https\": { \"Url\": \"https://*:443\" } there, unless systemd hands " +
                    "over the sockets");
        }

        static string Key(string name) => $"{TlsOptions.SectionName}:{name}";
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
                problems.Error(
                    url.Path,
                    url.Value is null
                        ? "is missing: where to listen, such as http://*:80"
                        : "must be an address to listen on, such as http://*:80 or http://127.0.0.1:8080");
            }
            else if (IPAddress.TryParse(BindingAddress.Parse(url.Value!).Host.Trim('[', ']'), out var address) && !PublicEndPoints.IsHere(address))
            {
                problems.Warn(url.Path, "is at no address of this machine now: until it is, nothing starts, unless systemd hands over the sockets");
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

/// <summary>The shape of <c>Kestrel:Limits</c>, for <see cref="SettingsSchema"/>.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(KestrelServerLimits))]
internal sealed partial class KestrelShape : JsonSerializerContext;
