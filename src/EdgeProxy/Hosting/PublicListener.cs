using System.Text;
using EdgeProxy.Platform;
using EdgeProxy.Proxying;
using EdgeProxy.Proxying.Upgrades;
using EdgeProxy.Tls;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EdgeProxy.Hosting;

/// <summary>Where the public side listens and what it accepts: sockets handed over by systemd, else the standard <c>Kestrel</c> section.</summary>
internal static class PublicListener
{
    /// <summary>Configures Kestrel.</summary>
    /// <param name="configuration">The whole settings: <c>Kestrel</c> in them.</param>
    public static void Configure(KestrelServerOptions kestrel, IConfiguration configuration, long? maxRequestBodySize)
    {
        var https = kestrel.ApplicationServices.GetRequiredService<HttpsEndpoints>();
        var connections = kestrel.ApplicationServices.GetRequiredService<PublicConnections>();
        var time = kestrel.ApplicationServices.GetRequiredService<TimeProvider>();
        kestrel.AddServerHeader = false;
        // RFC 9112 section 2.2 lets a server take a bare LF for the end of a line; a proxy in front may not have.
        AppContext.SetSwitch("Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators", true);
        // Byte for byte from the client to the app and back: SlotConnections writes and reads them so, too.
        kestrel.RequestHeaderEncodingSelector = HeaderDecoding.Of;
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
        ServerLimits.Apply(kestrel.Limits, configuration, maxRequestBodySize);

        var sockets = kestrel.ApplicationServices.GetRequiredService<ListeningSockets>().Named();
        if (sockets.Count == 0)
        {
            ListenAsSet(kestrel, configuration.GetSection("Kestrel"), https, UsePlain, UseTls);
            return;
        }

        // Kestrel:Endpoints is not read: the ports are systemd's to bind. They open in this order, and clients may wait: those that come in clear text are
        // sent to the port of https, which is known once that is open.
        foreach (var (descriptor, name) in sockets.OrderBy(socket => socket.Name == "http"))
        {
            switch (name)
            {
                case "http":
                    kestrel.ListenHandle((ulong)descriptor, UsePlain);
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
            endpoint.Use(next => connection => CloseNotify.RunAsync(connection, next, time));
            endpoint.Use(next => connection => PublicConnections.EndHandshakeAsync(connection, next));
            ClientConnectionEnd.Use(endpoint, time);
        }

        void UsePlain(ListenOptions endpoint)
        {
            endpoint.Use(next => connection =>
            {
                if (endpoint.Protocols == HttpProtocols.Http2) // without TLS Kestrel speaks it where it speaks nothing else
                {
                    connections.NoteClient(connection);
                }

                return next(connection);
            });
            ClientConnectionEnd.Use(endpoint, time);
        }
    }

    /// <summary>Whether an endpoint of <c>Kestrel:Endpoints</c> speaks TLS with a certificate of <c>EdgeProxy:Tls</c>, not with one that the section itself
    /// names.</summary>
    public static bool IsOurs(IConfigurationSection endpoint, IConfigurationSection kestrel) =>
        SpeaksTls(endpoint)
        && !endpoint.GetSection("Certificate").Exists() && !endpoint.GetSection("Sni").Exists() && !kestrel.GetSection("Certificates:Default").Exists();

    private static bool SpeaksTls(IConfigurationSection endpoint) => endpoint["Url"]?.StartsWith("https://", StringComparison.OrdinalIgnoreCase) == true;

    private static void ListenAsSet(
        KestrelServerOptions kestrel, IConfigurationSection settings, HttpsEndpoints https, Action<ListenOptions> usePlain, Action<ListenOptions> useTls)
    {
        var loader = kestrel.Configure(settings);
        var endpoints = settings.GetSection("Endpoints").GetChildren().ToList();
        if (endpoints.Any(SpeaksTls))
        {
            https.RestrictOpenSsl();
        }

        foreach (var endpoint in endpoints)
        {
            var use = IsOurs(endpoint, settings) ? useTls : usePlain;
            loader.Endpoint(endpoint.Key, configured => use(configured.ListenOptions));
        }

        if (endpoints.Count == 0)
        {
            kestrel.ListenAnyIP(80, usePlain);
            if (https.IsWanted)
            {
                kestrel.ListenAnyIP(443, useTls);
            }
        }
    }
}
