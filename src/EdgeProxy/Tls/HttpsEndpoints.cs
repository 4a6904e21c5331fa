using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using EdgeProxy.Clients;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace EdgeProxy.Tls;

/// <summary>The public endpoints that speak TLS, and how a handshake finds its certificate.</summary>
internal sealed partial class HttpsEndpoints(
    TlsOptions options, CertificateTable certificates, PendingChallenges challenges, HandshakeMiddleware handshakes, ILogger<HttpsEndpoints> logger)
{
    /// <summary>RFC 8446 section 6.2.</summary>
    private const byte MissingExtension = 109;

    /// <summary>RFC 6066 section 3.</summary>
    private const byte UnrecognizedName = 112;

    private readonly List<ListenOptions> _endpoints = [];
    private bool _hasPolicy;

    /// <summary>The settings name a source of certificates.</summary>
    public bool IsWanted => options.Internal || options.Acme.Domains is { Length: > 0 } || options.Certificates is { Length: > 0 };

    /// <summary>Where a client that came without TLS is sent: as the settings say, else 443 where an endpoint has it, else the first one's port. Null: none
    /// speaks TLS.</summary>
    /// <remarks>Known once the endpoints are open; of sockets that were handed over, not before.</remarks>
    public int? Port
    {
        get
        {
            int? port = null;
            foreach (var endpoint in _endpoints)
            {
                port = endpoint.IPEndPoint?.Port == 443 ? 443 : port ?? endpoint.IPEndPoint?.Port;
            }

            return port is null ? null : options.RedirectPort ?? port;
        }
    }

    /// <summary>Restricts what OpenSSL offers, before the first endpoint speaks TLS: also those whose certificates are Kestrel's affair.</summary>
    public void RestrictOpenSsl()
    {
        if (_hasPolicy)
        {
            return;
        }

        _hasPolicy = true;
        var outcome = OpenSslPolicy.Apply();
        if (outcome.Problem is not null)
        {
            Log.NotRestricted(logger, outcome.Problem);
        }
        else if (outcome.Kept is not null)
        {
            Log.OwnConfiguration(logger, outcome.Kept);
        }
    }

    /// <summary>Makes an endpoint speak TLS. While Kestrel is configured, not later.</summary>
    public void Use(ListenOptions endpoint)
    {
        RestrictOpenSsl();
        _endpoints.Add(endpoint);
        endpoint.Use(next => connection => handshakes.BeginAsync(connection, next));
        endpoint.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = handshake => SelectAsync(handshake, endpoint.Protocols) });
        endpoint.Use(next => connection => HandshakeMiddleware.EndAsync(connection, next));
    }

    private ValueTask<SslServerAuthenticationOptions> SelectAsync(TlsHandshakeCallbackContext handshake, HttpProtocols protocols)
    {
        var name = handshake.ClientHelloInfo.ServerName;
        var transport = handshake.Connection.Features.GetRequiredFeature<HandshakeTransport>();
        return !transport.OffersAcme ? SelectAsync(handshake, protocols, name, transport)
            : challenges.FindHandshake(name) is { } proof ? new(proof)
            : challenges.Elsewhere is not null && DomainName.TryNormalize(name, out var domain) ? LookAsync(handshake, protocols, domain, transport)
            : SelectAsync(handshake, protocols, name, transport);
    }

    /// <summary>The proof may be known to another node of the fleet, and on its way to this one.</summary>
    private async ValueTask<SslServerAuthenticationOptions> LookAsync(
        TlsHandshakeCallbackContext handshake, HttpProtocols protocols, string domain, HandshakeTransport transport)
    {
        transport.Leave();
        var proof = await challenges.Elsewhere!(AcmeChallenge.TlsAlpn01, domain, handshake.CancellationToken);
        await transport.EnterAsync(handshake.CancellationToken);
        return proof is null ? await SelectAsync(handshake, protocols, domain, transport) : ChallengeCertificate.Create(domain, proof);
    }

    private ValueTask<SslServerAuthenticationOptions> SelectAsync(
        TlsHandshakeCallbackContext handshake, HttpProtocols protocols, string? name, HandshakeTransport transport)
    {
        if (certificates.Find(string.IsNullOrEmpty(name) ? AddressOf(handshake.Connection) : name) is not { } certificate)
        {
            return RefuseAsync(handshake);
        }

        var options = certificate.HandshakeFor(protocols);
        return options.IsCompletedSuccessfully ? options : WaitAsync(transport, options, handshake.CancellationToken);
    }

    /// <summary>What a client has connected to that asks for no name: clients send none for an address (RFC 6066 section 3).</summary>
    private static string? AddressOf(ConnectionContext connection) =>
        connection.LocalEndPoint is IPEndPoint local ? NodeAddress.Normalize(local.Address)?.ToString() : null;

    /// <summary>The certificate is not ready yet: others need not wait for that, too.</summary>
    private static async ValueTask<SslServerAuthenticationOptions> WaitAsync(
        HandshakeTransport transport, ValueTask<SslServerAuthenticationOptions> options, CancellationToken timeout)
    {
        transport.Leave();
        var ready = await options.AsTask().WaitAsync(timeout);
        await transport.EnterAsync(timeout);
        return ready;
    }

    /// <summary>Says why, and ends the connection: there is no certificate that would be right, and a wrong one tells a scanner what is served here.</summary>
    /// <remarks>Nothing has been sent yet, so the alert is a plain record. The exception is the one that Kestrel takes for a failed handshake and logs for
    /// debugging.</remarks>
    private static async ValueTask<SslServerAuthenticationOptions> RefuseAsync(TlsHandshakeCallbackContext handshake)
    {
        var name = handshake.ClientHelloInfo.ServerName;
        var alert = TlsAlert.Fatal(string.IsNullOrEmpty(name) ? MissingExtension : UnrecognizedName);
        await handshake.Connection.Transport.Output.WriteAsync(alert, handshake.CancellationToken);
        throw new AuthenticationException("there is no certificate for the name that the client asked for");
    }

    private static partial class Log
    {
        [LoggerMessage(1105, LogLevel.Error, "The key exchange groups and TLS 1.2 cipher suites that OpenSSL offers could not be restricted; "
            + "HTTPS is served with its own, and a client may ask for handshakes that cost a hundred times as much CPU (CVE-2002-20001). "
            + "Name a list in openssl.cnf (docs/tls.md): {Problem}")]
        public static partial void NotRestricted(ILogger logger, string problem);

        [LoggerMessage(1106, LogLevel.Warning, "HTTPS is served with {Settings}, which OPENSSL_CONF names, in place of EdgeProxy's own list; "
            + "finite-field groups (ffdhe) in it let a client ask for handshakes that cost a hundred times as much CPU (CVE-2002-20001)")]
        public static partial void OwnConfiguration(ILogger logger, string settings);
    }
}
