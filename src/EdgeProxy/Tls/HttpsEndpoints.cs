using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace EdgeProxy.Tls;

/// <summary>The public endpoints that speak TLS, and how a handshake finds its certificate.</summary>
internal sealed class HttpsEndpoints(TlsOptions options, CertificateTable certificates, PendingChallenges challenges, ChallengeHandshakes challengeHandshakes)
{
    /// <summary>RFC 8446 section 6.2.</summary>
    private const byte MissingExtension = 109;

    /// <summary>RFC 6066 section 3.</summary>
    private const byte UnrecognizedName = 112;

    private readonly List<ListenOptions> _endpoints = [];

    /// <summary>The settings name a source of certificates.</summary>
    public bool IsWanted => options.Internal || options.Acme.Domains is { Length: > 0 } || options.Certificates is { Length: > 0 };

    /// <summary>Where a visitor who came without TLS is sent: 443 where an endpoint has it, else the first one's port. Null: none speaks TLS.</summary>
    /// <remarks>Known once the server has started.</remarks>
    public int? Port
    {
        get
        {
            int? port = null;
            foreach (var endpoint in _endpoints)
            {
                port = endpoint.IPEndPoint?.Port == 443 ? 443 : port ?? endpoint.IPEndPoint?.Port;
            }

            return port;
        }
    }

    /// <summary>Makes an endpoint speak TLS. While Kestrel is configured, not later.</summary>
    public void Use(ListenOptions endpoint)
    {
        _endpoints.Add(endpoint);
        endpoint.Use(next => connection => challengeHandshakes.LookAsync(connection, next));
        endpoint.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = handshake => SelectAsync(handshake, endpoint.Protocols) });
        endpoint.Use(next => connection => ChallengeHandshakes.EndAsync(connection, next));
    }

    private ValueTask<SslServerAuthenticationOptions> SelectAsync(TlsHandshakeCallbackContext handshake, HttpProtocols protocols)
    {
        var name = handshake.ClientHelloInfo.ServerName;
        if (ChallengeHandshakes.IsFromAuthority(handshake.Connection) && challenges.FindHandshake(name) is { } proof)
        {
            return new(proof);
        }

        return certificates.Find(name) is { } certificate ? certificate.HandshakeFor(protocols) : RefuseAsync(handshake);
    }

    /// <summary>Says why, and ends the connection: there is no certificate that would be right, and a wrong one tells a scanner what is served here.</summary>
    /// <remarks>Nothing has been sent yet, so the alert is a plain record. The exception is the one that Kestrel takes for a failed handshake and logs for debugging.</remarks>
    private static async ValueTask<SslServerAuthenticationOptions> RefuseAsync(TlsHandshakeCallbackContext handshake)
    {
        var name = handshake.ClientHelloInfo.ServerName;
        byte[] alert = [21, 3, 3, 0, 2, 2, string.IsNullOrEmpty(name) ? MissingExtension : UnrecognizedName]; // RFC 8446 sections 5.1 and 6
        await handshake.Connection.Transport.Output.WriteAsync(alert, handshake.CancellationToken);
        throw new AuthenticationException("there is no certificate for the name that the client asked for");
    }
}
