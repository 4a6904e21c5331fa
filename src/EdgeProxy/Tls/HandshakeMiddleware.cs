using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace EdgeProxy.Tls;

/// <summary>The steps of a public connection before and behind Kestrel's TLS.</summary>
/// <remarks>
/// For TLS-ALPN-01 (RFC 8737) an authority is told from clients by its first message, and its connection carries no HTTP. While no challenge is pending that
/// costs one read of a field; while one is, only a client that offers <c>acme-tls/1</c> sees the proof.
/// </remarks>
internal sealed partial class HandshakeMiddleware(HandshakeQueue queue, PendingChallenges challenges, ILogger<HandshakeMiddleware> logger)
{
    /// <summary>Before the handshake.</summary>
    public async Task BeginAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var plain = connection.Transport;
        var transport = new HandshakeTransport(connection, plain, queue, challenges.HasHandshakes);
        connection.Features.Set(transport);
        connection.Transport = transport;
        try
        {
            await next(connection);
        }
        catch (Exception malformed) when (!transport.IsHandshakeDone && malformed is IndexOutOfRangeException or ArgumentOutOfRangeException)
        {
            // What SslStream throws for a ClientHello whose lengths do not fit (dotnet/runtime pull request 126352).
            // Kestrel would log an error with a stack trace for each.
            Log.Malformed(logger, connection.ConnectionId, malformed);
        }
        finally
        {
            transport.EndHandshake(); // one that has failed
            connection.Transport = plain;
        }
    }

    /// <summary>After the handshake. One that has agreed on <c>acme-tls/1</c> was all that the authority wanted.</summary>
    public static Task EndAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var transport = connection.Features.GetRequiredFeature<HandshakeTransport>();
        transport.EndHandshake();
        return transport.OffersAcme && connection.Features.Get<ISslStreamFeature>()?.SslStream.NegotiatedApplicationProtocol == ChallengeCertificate.Protocol
            ? Task.CompletedTask
            : next(connection);
    }

    private static partial class Log
    {
        [LoggerMessage(1107, LogLevel.Debug, "The ClientHello of connection {Connection} is malformed")]
        public static partial void Malformed(ILogger logger, string connection, Exception failure);
    }
}
