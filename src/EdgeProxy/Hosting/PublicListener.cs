using System.Globalization;
using System.Text;
using EdgeProxy.Proxying;
using EdgeProxy.Tls;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EdgeProxy.Hosting;

/// <summary>Where the public side listens and what it accepts: sockets handed over by systemd, else the standard <c>Kestrel</c> section.</summary>
internal static class PublicListener
{
    /// <summary>sd_listen_fds(3): the first descriptor that systemd passes.</summary>
    private const int FirstDescriptor = 3;

    /// <summary>Configures Kestrel.</summary>
    /// <param name="configuration">The whole settings: <c>Kestrel</c> in them.</param>
    public static void Configure(KestrelServerOptions kestrel, IConfiguration configuration, UpstreamOptions upstream)
    {
        var https = kestrel.ApplicationServices.GetRequiredService<HttpsEndpoints>();
        var connections = kestrel.ApplicationServices.GetRequiredService<PublicConnections>();
        kestrel.AddServerHeader = false;
        // RFC 9112 section 2.2 lets a server take a bare LF for the end of a line; whoever stands in front may not have.
        AppContext.SetSwitch("Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators", true);
        // Byte for byte from the client to the app and back: SlotConnections writes and reads them so, too.
        kestrel.RequestHeaderEncodingSelector = static _ => Encoding.Latin1;
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
        SetLimits(kestrel.Limits, upstream);
        BindLimits(kestrel.Limits, configuration.GetSection("Kestrel:Limits"));

        var sockets = HandedOver();
        if (sockets.Count == 0)
        {
            ListenAsSet(kestrel, configuration.GetSection("Kestrel"), https.IsWanted, UseTls);
            return;
        }

        // Kestrel:Endpoints is not read: the ports are systemd's to bind.
        foreach (var (descriptor, name) in sockets)
        {
            switch (name)
            {
                case "http":
                    kestrel.ListenHandle((ulong)descriptor);
                    break;
                case "https":
                    kestrel.ListenHandle((ulong)descriptor, UseTls);
                    break;
            }
        }

        void UseTls(ListenOptions endpoint)
        {
            endpoint.Use(next => connection => connections.BeginHandshakeAsync(connection, next));
            https.Use(endpoint);
            endpoint.Use(next => connection => PublicConnections.EndHandshakeAsync(connection, next));
        }
    }

    /// <summary>Whether an endpoint of <c>Kestrel:Endpoints</c> speaks TLS with a certificate of <c>EdgeProxy:Tls</c>, not with one that the section itself names.</summary>
    public static bool IsOurs(IConfigurationSection endpoint, IConfigurationSection kestrel) =>
        endpoint["Url"]?.StartsWith("https://", StringComparison.OrdinalIgnoreCase) == true
        && !endpoint.GetSection("Certificate").Exists() && !endpoint.GetSection("Sni").Exists() && !kestrel.GetSection("Certificates:Default").Exists();

    private static void ListenAsSet(KestrelServerOptions kestrel, IConfigurationSection settings, bool wantsTls, Action<ListenOptions> useTls)
    {
        var loader = kestrel.Configure(settings);
        var endpoints = settings.GetSection("Endpoints").GetChildren().ToList();
        foreach (var endpoint in endpoints.Where(endpoint => IsOurs(endpoint, settings)))
        {
            loader.Endpoint(endpoint.Key, configured => useTls(configured.ListenOptions));
        }

        if (endpoints.Count == 0)
        {
            kestrel.ListenAnyIP(80);
            if (wantsTls)
            {
                kestrel.ListenAnyIP(443, useTls);
            }
        }
    }

    /// <summary>The sockets that systemd has handed to this very process, with the names of their units (<c>FileDescriptorName=</c>).</summary>
    public static IReadOnlyList<(int Descriptor, string Name)> HandedOver()
    {
        if (Environment.GetEnvironmentVariable("LISTEN_PID") != Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
            || !int.TryParse(Environment.GetEnvironmentVariable("LISTEN_FDS"), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            return [];
        }

        var names = (Environment.GetEnvironmentVariable("LISTEN_FDNAMES") ?? "").Split(':');
        return [.. Enumerable.Range(0, count).Select(i => (FirstDescriptor + i, i < names.Length ? names[i] : ""))];
    }

    /// <summary>Kestrel itself reads none of them. Data rates are values without setters, which the binder passes over.</summary>
    private static void BindLimits(KestrelServerLimits limits, IConfigurationSection section)
    {
        section.Bind(limits);
        limits.MinRequestBodyDataRate = RateOf(section.GetSection(nameof(limits.MinRequestBodyDataRate)), limits.MinRequestBodyDataRate!);
        limits.MinResponseDataRate = RateOf(section.GetSection(nameof(limits.MinResponseDataRate)), limits.MinResponseDataRate!);

        static MinDataRate RateOf(IConfigurationSection section, MinDataRate otherwise) => new(
            section.GetValue(nameof(MinDataRate.BytesPerSecond), otherwise.BytesPerSecond),
            section.GetValue(nameof(MinDataRate.GracePeriod), otherwise.GracePeriod));
    }

    /// <summary>Within gunicorn's limits, so that it never rejects what was accepted here; otherwise as tolerant as Caddy.</summary>
    private static void SetLimits(KestrelServerLimits limits, UpstreamOptions upstream)
    {
        limits.MaxRequestBodySize = upstream.MaxRequestBodySize;
        limits.MaxRequestLineSize = 4094;  // gunicorn --limit-request-line
        limits.MaxRequestHeaderCount = 90; // gunicorn --limit-request-fields is 100, and the proxy adds up to four
        // 240 bytes/s is Kestrel's own floor; its 5 s of grace cuts phones on bad networks.
        limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(60));
        limits.MinResponseDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(60));
    }
}
